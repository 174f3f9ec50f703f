# /// script
# dependencies = [
# 	"rich",	# one
# ]
# ///

print('hello')
