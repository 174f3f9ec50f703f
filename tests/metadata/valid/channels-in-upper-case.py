# conda execute
# env: [python]
# channels:
#  - SciTools
#  - Esri

print('hello')
