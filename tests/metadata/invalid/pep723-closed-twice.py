# /// script
# dependencies = []
# ///
# and more
# ///
