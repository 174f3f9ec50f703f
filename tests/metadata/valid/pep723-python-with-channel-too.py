# /// script
# requires-python = ">=3.9"
# tool.conda.dependencies = ["conda-forge::python[version='>=3.11']"]
# ///

print('hello')
