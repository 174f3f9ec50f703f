# /// script
# dependencies = []

# tool.conda.channels = []
# ///
