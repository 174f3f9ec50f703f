# /// script
# [tool.uv]
# exclude-newer = "2026-01-01"
# dependencies = ["numpy"]
# ///
