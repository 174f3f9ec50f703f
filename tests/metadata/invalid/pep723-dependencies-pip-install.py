# /// script
# dependencies = ["pip install rich", "numpy"]
# ///
