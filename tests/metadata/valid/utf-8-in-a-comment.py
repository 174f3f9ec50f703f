# conda execute
# env:
#   # für die Zahlen
#  - numpy  # größer – 🐍

print('hello')
