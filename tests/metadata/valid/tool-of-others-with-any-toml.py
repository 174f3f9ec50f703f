# /// script
# dependencies = ["six"]
# tool.black.since = 1979-05-27T07:32:00Z
# [tool.ruff]
# line-length = 0x78
# exclude = """
# [tool.uv.sources]
# six = { path = "./localsix" }
# """
# regex = '''
# don't''''
# per-file = { "a]b" = [1979-05-27, 1e3], c = '''x''' }  # [tool.conda]
# lists = [
#     ["# no comment", """]"""],
#     [inf, -nan],
# ]
# [tool."mypy"]
# python_version = 3_1.2
# this is no TOML
# [[tool.mypy.overrides]]
# x = 07:32:00
# [tool.conda]
# dependencies = ["zlib"]
# [tool.mypy]
# again = 1
# ///

print('hello')
