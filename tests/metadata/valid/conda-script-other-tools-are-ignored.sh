# /// conda-script
# channels = ["conda-forge"]
# entrypoint = "sh ${SCRIPT}"
# dependencies.python = "*"
# [tool.other]
# x = 1
# /// end-conda-script

echo hello
