# /// script
# [tool.conda]
# dependencies = ["python>=3.8 numpy", "scipy"]
# ///
