# /// script
# [tool.pixi]
# workspace = { channels = ["conda-forge", "https://conda.anaconda.org/bioconda"] }
#
# [tool.pixi.dependencies]
# python = { version = "3.12.*", build = "*_cpython", channel = "conda-forge" }
# pytorch = { version = ">=2", build-number = ">=1" }
# samtools = {
#     version = "*",
#     channel = "bioconda",
# }
# Old_Name = {}
# ///

print('hello')
