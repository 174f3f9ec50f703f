# /// script
# dependencies = []
# ///
# /// lock
# x = 1
# ///
