# /// conda-script
# channels = ["conda-forge"]
# entrypoint = "python ${SCRIPT}"
# requires-python = ">=3.9"
# [dependencies]
# numpy = "*"
# /// end-conda-script

print(1)
