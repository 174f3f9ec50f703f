# /// script
# requires-python = ">=3.12"
# [tool.conda]
# dependencies = ["python >=3.12"]
# ///

print('hello')
