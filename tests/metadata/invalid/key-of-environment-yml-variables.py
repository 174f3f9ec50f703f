# conda execute
# env: [python]
# variables:
#   LEVEL: debug
