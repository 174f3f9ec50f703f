# /// script
# dependencies = [
#   "rich",
#]
# ///
