# conda execute
# env:
#  - jq

jq --version
