# /// conda-script
# channels = ["conda-forge"]
# entrypoint = "python ${SCRIPT}"
# [dependencies]
# python = "*"
# [tool.uv]
# exclude-newer = "2026-11-01"
# /// end-conda-script

print('hello')
