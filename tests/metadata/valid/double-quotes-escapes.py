# conda execute
# env: [python]
# run_with: ["\"", "\\", "\/", "a\ b", "\x41", "\xe9", "\u00e9", "\u20AC", "\U0001F40D"]

print('hello')
