# conda execute
# env: [python]
# run_with: python -c 'a "b" $HOME' "c \"d\" \\ \e \$f" g\ h i"j k"l'm n' '' "" \*

print('hello')
