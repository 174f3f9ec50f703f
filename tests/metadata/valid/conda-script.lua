-- /// conda-script
-- channels = ["conda-forge"]
-- entrypoint = "lua ${SCRIPT}"
-- dependencies = { lua = "5.4.*" }
-- /// end-conda-script

echo hello
