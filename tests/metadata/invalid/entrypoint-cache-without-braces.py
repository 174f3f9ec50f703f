# /// conda-script
# channels = ["conda-forge"]
# entrypoint = "python ${SCRIPT} $CACHE/x"
# [dependencies]
# python = "*"
# /// end-conda-script
