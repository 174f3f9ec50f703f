# /// conda-script
# entrypoint = "python ${SCRIPT}"
# [dependencies]
# python = "*"
# channels = ["conda-forge"]
# /// end-conda-script
