
#!/usr/bin/env perl

# conda execute
# env:
#  - python >=3

print('hello')
