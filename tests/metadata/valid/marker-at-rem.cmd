@rem conda execute
@rem env:
@rem  - git
@rem run_with: cmd /c

git --version
