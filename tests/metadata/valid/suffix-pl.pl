# conda execute
# env:
#  - perl

print 1;
