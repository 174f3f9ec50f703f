## conda execute
## env:
##  - curl
# this line has another marker
curl --version
