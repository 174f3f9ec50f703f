# /// script
# dependencies = []
# [tool.uv]
# exclude-newer = "2026-11-01"
# exclude-newer-package = { numpy = "2026-12-01" }
# ///

print('hello')
