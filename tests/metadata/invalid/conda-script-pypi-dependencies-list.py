# /// conda-script
# channels = ["conda-forge"]
# entrypoint = "python ${SCRIPT}"
# [dependencies]
# python = "*"
# [tool.pixi]
# pypi-dependencies = ["rich >=13"]
# /// end-conda-script
