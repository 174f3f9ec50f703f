# /// script
# requires-python = ">=3.9"
# tool.conda.dependencies = ["python 3.12.*"]
# ///

print('hello')
