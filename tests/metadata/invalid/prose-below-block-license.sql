-- conda execute
-- env:
--  - sqlite
-- ---------------

SELECT 1;
