# /// script
# dependencies = []
# ///
