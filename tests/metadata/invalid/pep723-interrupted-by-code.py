# /// script
# dependencies = []
import os
# ///
