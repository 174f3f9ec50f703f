# conda execute
# env: &x

1
