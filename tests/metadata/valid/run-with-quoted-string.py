# conda execute
# env: [python]
# run_with: "python  -c 'a b' \"c d\""

print('hello')
