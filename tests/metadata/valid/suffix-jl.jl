# conda execute
# env:
#  - julia

println(1)
