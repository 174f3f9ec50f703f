# /// conda-script
# channels = ["conda-forge"]
# entrypoint = "python ${script}"
# [dependencies]
# python = "*"
# /// end-conda-script
