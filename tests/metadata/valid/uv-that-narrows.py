# /// script
# dependencies = ["six"]
# [tool.uv]
# exclude-newer = "2026-11-01T00:00:00Z"
# prerelease = "allow"
# constraint-dependencies = ["six<2"]
# ///

print('hello')
