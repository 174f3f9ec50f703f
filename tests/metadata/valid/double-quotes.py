# conda execute
# env:
#  - "python >=3"
# run_with: ["it's", "a: b", "c # d", "- e", "f, g", ""]

print('hello')
