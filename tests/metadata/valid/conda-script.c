// /// conda-script
// channels = ["conda-forge"]
// entrypoint = 'gcc -o "${CACHE}/a b" ${SCRIPT} $(pkg-config --libs "glib-2.0") && "${CACHE}/a b"'
// [dependencies]
// gcc = "*"
// /// end-conda-script

int main() {}
