# /// other
# anything: goes
# ///

# /// script
# dependencies = ["rich"]
# ///

print('hello')

# /// conda-exec-lock
# conda-exec-lock-input-sha256: 0
# ///
