# /// script
# [tool.conda]
# dependencies = ["python-dateutil"]
# ///

print('hello')
