function f() {
    // conda execute
    // env:
    //   - nodejs
    //   - numpy=
}
