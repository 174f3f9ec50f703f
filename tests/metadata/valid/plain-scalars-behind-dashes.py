# conda execute
# env: [python]
# run_with:
#  - a
#  - -b
#  - --c
#  - ?d
#  - :e
#  - f:g
#  - h ,i
#  - j [k]
#  - l{m}
#  - n]
#  - o #p
#  - q#r
#  - s'
#  - t"
#  - http://u
#  - v::w
#  - ..
#  - ---
#  - <<

print('hello')
