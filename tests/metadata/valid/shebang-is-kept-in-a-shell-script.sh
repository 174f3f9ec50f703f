#!/bin/bash -e
# conda execute
# env: [jq]

jq --version
