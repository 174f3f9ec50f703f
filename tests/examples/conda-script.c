// /// conda-script
// channels = ["conda-forge"]
// entrypoint = 'gcc -o "${CACHE}/count" ${SCRIPT} && "${CACHE}/count"'
//
// [dependencies]
// gcc = "*"
// /// end-conda-script

#include <stdio.h>

int main(int argc, char **argv)
{
    printf("%d words\n", argc - 1);
    return argc - 1;
}
