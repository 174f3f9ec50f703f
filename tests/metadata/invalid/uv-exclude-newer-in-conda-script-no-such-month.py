# /// conda-script
# channels = ["conda-forge"]
# entrypoint = "python ${SCRIPT}"
# [dependencies]
# python = "*"
# [tool.uv]
# exclude-newer = "2026-13-01"
# /// end-conda-script

print('hello')
