# /// script
# [tool.pixi.dependencies]
# python = "*"
# zlib = "1.*"
# [tool.pixi.target.unix.dependencies]
# zlib = "1.1.*"
# [tool.pixi.target.linux-64]
# dependencies = { zlib = "1.3.*" }
# pypi-dependencies.six = "*"
# [tool.pixi.target.linux.dependencies]
# zlib = "1.2.*"
# patchelf = ">=0.18"
# [tool.pixi.target.win.dependencies]
# pywin32 = "*"
# [tool.pixi.target.osx-arm64.pypi-dependencies]
# pyobjc = "*"
# ///

print('hello')
