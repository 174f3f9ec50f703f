# /// conda-script
# channels = ["conda-forge"]
# entrypoint = "sh ${SCRIPT}"
# [dependencies]
# tool = { version = ">=1.0", build = "release" }
# /// end-conda-script

echo hello
