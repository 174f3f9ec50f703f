// /// conda-script
// channels = ["conda-forge"]
// entrypoint = "gcc -o ${CACHE}/x ${SCRIPT} && ${CACHE}/x"
// [tool.pixi.dependencies]
// gcc = "*"
// /// end-conda-script

int main(void) { return 0; }
