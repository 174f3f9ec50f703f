# conda execute
# env:
#  - ruby

puts 1
