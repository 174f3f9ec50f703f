# conda execute
# env:
#  - perl

print join("-", reverse @ARGV), "\n";
