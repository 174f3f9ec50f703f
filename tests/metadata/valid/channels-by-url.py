# conda execute
# env: [python]
# channels:
#  - https://conda.anaconda.org/conda-forge
#  - http://localhost:8080/a/b
#  - file:///srv/channel
#  - /srv/channel
#  - conda-forge/label/dev
#  - https://example.org/t/TOKEN/x?y=z&w

print('hello')
