# conda execute
#
