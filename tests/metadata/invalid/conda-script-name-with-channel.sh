# /// conda-script
# channels = ["conda-forge"]
# entrypoint = "sh ${SCRIPT}"
# dependencies."a::b" = "*"
# /// end-conda-script

echo hello
