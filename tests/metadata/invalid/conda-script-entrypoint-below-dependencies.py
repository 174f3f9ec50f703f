# /// conda-script
# channels = ["conda-forge"]
# [dependencies]
# python = "*"
# entrypoint = "python ${SCRIPT}"
# /// end-conda-script
