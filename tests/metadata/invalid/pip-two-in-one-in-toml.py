# /// script
# dependencies = ["rich httpx"]
# ///
