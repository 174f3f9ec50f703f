# /// pyproject
# [run]
# requires-python = ">=3.9"
# ///
print('hello')
