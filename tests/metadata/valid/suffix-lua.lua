-- conda execute
-- env:
--  - lua

print(1)
