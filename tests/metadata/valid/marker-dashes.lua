-- conda execute
-- env:
--  - lua 5.4.*

print(_VERSION)
