# // script
# dependencies = []
# ///
