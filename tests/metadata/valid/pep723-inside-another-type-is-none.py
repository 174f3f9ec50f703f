# /// other
# /// script
# dependencies = []
# ///

# conda execute
# env: [numpy]
