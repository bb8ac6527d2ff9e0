/* Gives files to a fuzzer where there is no libFuzzer.
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int main(int argc, char **argv) {
    int i;
    for (i = 1; i < argc; i++) {
        FILE *file = fopen(argv[i], "rb");
        uint8_t *bytes = (uint8_t *)malloc(1 << 20);
        size_t size = file && bytes ? fread(bytes, 1, 1 << 20, file) : 0;
        uint8_t *exact = (uint8_t *)malloc(size ? size : 1);       /* so that reading past the end is seen */
        size_t at;
        if (!file || !bytes || !exact) return 2;
        for (at = 0; at < size; at++) exact[at] = bytes[at];
        fclose(file);
        free(bytes);
        LLVMFuzzerTestOneInput(exact, size);
        free(exact);
    }
    printf("%d inputs\n", argc - 1);
    return 0;
}
