# conda execute
# env: [r-base]
# run_with: [Rscript, --vanilla, -e, "a b"]

cat(1)
