# /// conda-script
# channels = ["conda-forge"]
# entrypoint = { linx = "sh" }
# dependencies.python = "*"
# /// end-conda-script

echo hello
