# conda execute
# env: [python]
# run_with:
#   - python
#   - -u
#   - '-X'
#   - "utf8"

print('hello')
