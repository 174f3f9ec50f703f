# /// script
# dependencies = ["Python", "numpy"]
# ///
