-- conda execute
-- env: [sqlite]

# conda execute
# env: [sqlite]

SELECT 1;
