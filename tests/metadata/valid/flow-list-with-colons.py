# conda execute
# env: [conda-forge::gdal]
# channels: [https://example.org/a, file:///b]

print('hello')
