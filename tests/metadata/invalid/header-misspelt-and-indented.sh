if true; then
    # conda-execute
    # env: [python]
    echo hello
fi
