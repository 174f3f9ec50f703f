# /// script
# requires-python: >=3.9
# dependencies:
#   - numpy
#   - rich >=13
# ///
