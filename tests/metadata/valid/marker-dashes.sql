-- conda execute
-- env:
--  - sqlite
-- run_with: sqlite3 -init

SELECT 1;
