# /// script
# dependencies = []
# [tool.conda]
# dependencies = ["numpy"]
# [tool.uv]
# exclude-newer = "2024-01-01T00:00:00Z"
# [[tool.black]]
# url = "https://pypi.org/simple"
# ///

print('hello')
