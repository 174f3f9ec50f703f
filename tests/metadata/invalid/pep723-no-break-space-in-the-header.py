# /// script
# dependencies = []
# ///
