# conda execute
# env:
#  - 'python >=3'
# run_with: ['it''s', 'a: b', 'c # d', '\n', '"', '''', '- e', 'f, g', '']

print('hello')
