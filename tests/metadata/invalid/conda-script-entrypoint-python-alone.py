# /// conda-script
# channels = ["conda-forge"]
# entrypoint = "python"
# [dependencies]
# python = "*"
# /// end-conda-script

print(2)
