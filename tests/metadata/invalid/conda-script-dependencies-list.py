# /// conda-script
# channels = ["conda-forge"]
# entrypoint = "python ${SCRIPT}"
# dependencies = ["python", "conda-forge::numpy >=1.2"]
# /// end-conda-script
