# /// script
# requires-python = ">=3.9"
# dependencies = [
#   "rich >=13",  # a comment
# ]
#
# [tool.conda]
# dependencies = ["numpy =1.26*"]
# channels = ["conda-forge", "nodefaults"]
# ///

print('hello')
