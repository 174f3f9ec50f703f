# /// script
# dependencies = ['numpy']
# ///
