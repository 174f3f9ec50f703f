# /// conda-script
# channels = ["conda-forge"]
# entrypoint = "python ${SCRIPT}"
#
# [dependencies]
# python = ">=3.9"
# numpy = "*"
# /// end-conda-script

echo hello
