# /// script
# dependencies = []