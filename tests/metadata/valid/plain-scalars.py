# conda execute
# env: [python]
# run_with: [-a, a-b, a'b, 'a"b', a&b, a*, "!", a!b, a|b, a>b, =, ~, null, 3.10, 1e3, 0x1F, 2001-01-01, yes, \n, a%b, a@b, a`b]

print('hello')
