/* next.h - the functions behind ours, for libraries that are loaded before another
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors

   A program that loads the library with a plugin has it outside of RTLD_NEXT: then it is looked for by its file's name, among
   what is loaded. */
#ifndef TRACE_PRELOAD_NEXT_H
#define TRACE_PRELOAD_NEXT_H

#include <dlfcn.h>
#include <stddef.h>
#include <string.h>

/* NULL: not there. `libraries` ends with NULL. */
static void *preload_symbol(const char *name, const char *const *libraries) {
    void *symbol = dlsym(RTLD_NEXT, name);
    for (; !symbol && *libraries; libraries++) {
        void *const library = dlopen(*libraries, RTLD_LAZY | RTLD_NOLOAD);
        if (library) symbol = dlsym(library, name);
    }
    return symbol;
}

/* One member of preload_next, in a function that answers 0 when it is not there. A pointer to a function is no void *. */
#define PRELOAD_FIND(prefix, name) \
    do { \
        void *const symbol = preload_symbol(prefix #name, preload_libraries); \
        if (!symbol) return 0; \
        memcpy(&preload_next.name, &symbol, sizeof symbol); \
    } while (0)

#define PRELOAD_EXPORT __attribute__((visibility("default")))
#define PRELOAD_ALIAS(name) __attribute__((visibility("default"), alias(name)))

#endif
