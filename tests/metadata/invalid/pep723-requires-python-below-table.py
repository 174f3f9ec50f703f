# /// script
# dependencies = []
# [tool.conda]
# channels = ["conda-forge"]
# requires-python = ">=3.9"
# ///
