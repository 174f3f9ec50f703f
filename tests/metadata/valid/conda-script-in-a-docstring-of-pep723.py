# /// script
# dependencies = []
# ///

"""Not this:
# /// conda-script
"""
