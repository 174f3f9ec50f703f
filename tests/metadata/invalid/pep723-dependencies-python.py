# /// script
# dependencies = ["python>=3.9", "numpy"]
# ///
