# /// conda-script
# /// end-conda-script

echo hello
