# /// conda-script
# channels = ["conda-forge"]
# [entrypoint]
# linux = "sh a"
# unix = "sh b"
# osx-arm64 = "sh c"
# [dependencies]
# python = "*"
# /// end-conda-script

echo hello
