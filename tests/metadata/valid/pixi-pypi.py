# /// script
# dependencies = ["six"]
# [tool.pixi.pypi-dependencies]
# rich = "*"
# httpx = { version = ">=0.20,<1", extras = ["http2", "cli"] }
# black = "~=23.1"
# flask = {}
# "zope.interface" = { extras = ["test"] }
# ///

print('hello')
