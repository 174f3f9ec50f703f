# /// conda-script
# channels = ["conda-forge"]
# entrypoint = "python ${SCRIPT}"
# [dependencies]
# python = "*"
# [tool.pixi.workspace]
# exclude-newer = "2026-11-01T12:30:00-08:00"
# /// end-conda-script

print('hello')
