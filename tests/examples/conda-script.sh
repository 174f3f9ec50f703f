# /// conda-script
# channels = ["conda-forge"]
# entrypoint = "sh ${SCRIPT}"
#
# [dependencies]
# python = ">=3"
# /// end-conda-script

for word in "$@"; do
    python -c 'import sys; print(sys.argv[1].upper())' "$word"
done
