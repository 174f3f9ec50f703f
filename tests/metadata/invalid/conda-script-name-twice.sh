# /// conda-script
# channels = ["conda-forge"]
# entrypoint = "sh ${SCRIPT}"
# [dependencies]
# numpy = "*"
# NumPy = "*"
# /// end-conda-script

echo hello
