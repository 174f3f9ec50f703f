# /// conda-script
# channels = ["conda-forge"]
# entrypoint = "sh ${SCRIPT}"
# [dependencies]
# bash = "*"
# [tool.pixi.tasks]
# x = "y"
# /// end-conda-script

echo hello
