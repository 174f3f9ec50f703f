# /// conda-script
# channels = ["conda-forge"]
# [dependencies]
# python = "*"
# [tool.pixi.pypi-dependencies]
# rich = "*"
# entrypoint = "python ${SCRIPT}"
# /// end-conda-script
