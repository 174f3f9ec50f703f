# /// conda-script
# channels = ["conda-forge"]
# entrypoint = { win = "cmd" }
# dependencies.python = "*"
# /// end-conda-script

echo hello
