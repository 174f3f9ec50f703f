# /// conda-script
# channels = ["conda-forge"]
# entrypoint = "sh ${SCRIPT}"
# [tool.pixi.workspace]
# channels = ["bioconda"]
# [tool.pixi.dependencies]
# samtools = "*"
# /// end-conda-script

echo hello
