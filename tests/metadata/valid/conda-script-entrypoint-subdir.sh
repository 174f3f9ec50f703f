# /// conda-script
# channels = ["conda-forge"]
# [entrypoint]
# linux-64 = "sh a"
# linux = "sh b"
# unix = "sh c"
# [dependencies]
# python = "*"
# /// end-conda-script

echo hello
