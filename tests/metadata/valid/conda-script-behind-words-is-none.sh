# see /// conda-script

# conda execute
# env: [python]
