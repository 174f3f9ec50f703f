# conda execute
# env: [python]

if 1:
    # conda execute:
    # env: [numpy]
    print(1)
