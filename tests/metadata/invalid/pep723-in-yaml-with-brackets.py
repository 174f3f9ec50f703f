# /// script
# dependencies: [numpy, 'rich']
# ///
