# /// conda-script
# channels = ["conda-forge"]
# entrypoint = "sh ${SCRIPT}"
# [dependencies]
# bash = "*"
# [tool.uv.sources]
# x = { path = "x" }
# /// end-conda-script

echo hello
