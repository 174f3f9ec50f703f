# /// conda-script
# channels = ["conda-forge"]
# entrypoint = "bash ${SCRIPT}"
#
# [dependencies]
# bash = "*"
#
# [tool.pixi.dependencies]
# jq = ">=1.6"
# bash = ">=5"
#
# [tool.pixi.pypi-dependencies]
# yq = "*"
#
# [tool.pixi.target.linux.dependencies]
# patchelf = "*"
# /// end-conda-script

echo hello
