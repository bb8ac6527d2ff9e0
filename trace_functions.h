/* trace_functions.h - each function call a span, for trace.h, in one header - version 0.1.0
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors
   What -finstrument-functions calls: a program nobody edits becomes a tree of its own functions.

   DO THIS
       #define TRACE_IMPLEMENTATION
       #include "trace_functions.h"
   in a file of its own, say functions.c, compiled without the flag, and the program with it:
       cc -c functions.c
       cc -finstrument-functions program.c functions.o -pthread && ./a.out
   Calls of 10 microseconds and more are printed as a tree, or go where OTEL_TRACES_EXPORTER says. Where one set of flags is for
   all files, gcc leaves ours out with -finstrument-functions-exclude-file-list=trace_functions,trace.h (parts of paths), clang
   leaves them out by itself. It works without, too, but slower; one line of log says so.

   CONTENTS (search for the tag)      >>options  >>symbols  >>filter  >>frames  >>hooks

   WHAT IS RECORDED
       A call that takes less than min_duration_ns leaves nothing, unless the program's own span, or a context it made current,
       began inside it. What is kept has the right parent: a call that contains a kept call takes longer and is kept itself.
       The name is the function's symbol, static functions included, as long as the program is not stripped (then: names the
       dynamic linker knows, else the address); found when the span is exported, never when recorded. C++ names are mangled.
       Calls deeper than max_depth, and functions left out by name, are as if they were not there: their callees belong to their
       callers.

   WHAT ELSE TO KNOW
       The program's spans and instrumented functions nest as they run. trace_set, trace_event and trace_error go to the innermost
       span there is; trace_span_current() makes one of the innermost call first.
       longjmp: calls that were jumped over are noticed at the next entry or exit at or below the function jumped to, end there as
       abandoned, and are counted; until then a callee may appear below a call that is already gone.
       exit() in a function: it stays open, and is printed as such. Coroutines that switch stacks confuse it: leave them out.
       Signal handlers may be instrumented. One that interrupts the recording itself is not recorded. The first instrumented call
       of a thread must not be in a handler.
       fork: calls that were open in the parent belong to the parent. After vfork nothing is recorded wrongly, but call little.

   ENVIRONMENT, read once
       TRACE_FUNCTIONS_MIN_US      microseconds; default 10; 0: every call
       TRACE_FUNCTIONS_INCLUDE     names, comma-separated, each may end in *: only these
       TRACE_FUNCTIONS_EXCLUDE     likewise: not these
       TRACE_FUNCTIONS_DEPTH       calls within calls; default 256

   DONE TO THE HOST PROCESS. A thread key (to notice ends of threads); 10 KB a thread; the symbol tables of the modules in use are
   mapped for reading, by the worker. Two symbols are visible: __cyg_profile_func_enter, __cyg_profile_func_exit. */
#ifndef TRACE_FUNCTIONS_H_INCLUDED_7C20E5
#define TRACE_FUNCTIONS_H_INCLUDED_7C20E5
#define TRACE_FUNCTIONS_H_VERSION 100
#define TRACEI_FUNCTIONS_NEEDS_TRACE_H 100
#endif

#if defined(__clang__) && defined(TRACE_IMPLEMENTATION) && !defined(TRACEI_IMPLEMENTED)
#pragma clang attribute push(__attribute__((no_instrument_function)), apply_to = function)
#include "trace.h"
#pragma clang attribute pop
#elif !defined(TRACE_H_VERSION) || (defined(TRACE_IMPLEMENTATION) && !defined(TRACEI_IMPLEMENTED))
#include "trace.h"
#endif
#ifndef TRACE_H_VERSION
#error "trace_functions.h: another trace.h was found first; include this library's trace.h by its path before trace_functions.h"
#elif TRACE_H_VERSION < TRACEI_FUNCTIONS_NEEDS_TRACE_H
#error "trace_functions.h: this trace.h is too old; take both files from one version"
#endif

/* >>options ------------------------------------------------------------------------------------------------------- */

#ifndef TRACEI_FUNCTIONS_PUBLIC
#define TRACEI_FUNCTIONS_PUBLIC 1

#ifdef TRACE_CONFIG_NAMESPACE
#define trace_functions_init TRACEI_NAME(trace_functions_init)
#endif

#ifdef __clang__                  /* bool in gnu89 */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wc99-extensions"
#endif
#ifdef __cplusplus
extern "C" {
#endif

/* All zero is the default for every field; a field beats the environment. Start from zero. Strings are copied. */
typedef struct trace_functions_options {
    uint64_t min_duration_ns;     /* shorter calls leave nothing; default 10,000 */
    bool all;                     /* no minimum: every call */
    const char *include;          /* names, comma-separated, each may end in *: only these functions */
    const char *exclude;          /* likewise: not these */
    uint32_t max_depth;           /* calls within calls that are recorded, 1 to 65,536; default 256. For threads to come */
    bool disabled;                /* record no calls; the cost of noticing that remains */
    bool disable_environment;     /* read no variable */
} trace_functions_options;

/* Changes what is recorded from now on. Optional: the first instrumented call does it with NULL, which is all zero. Errors:
   NO_MEMORY (nothing changed), UNSUPPORTED. Any thread, not in a signal handler. */
TRACE_APP trace_result trace_functions_init(const trace_functions_options *options);

#if TRACE_CONFIG_OFF
TRACE_APP trace_result trace_functions_init(const trace_functions_options *options) {
    (void)options;
    return TRACE_RESULT_OK;
}
#endif

#ifdef __cplusplus
} /* extern "C" */
#endif
#ifdef __clang__
#pragma GCC diagnostic pop
#endif
#endif /* TRACEI_FUNCTIONS_PUBLIC */

#if defined(TRACE_IMPLEMENTATION) && !defined(TRACEI_FUNCTIONS_IMPLEMENTED) && !TRACE_CONFIG_OFF
#define TRACEI_FUNCTIONS_IMPLEMENTED 1

#if !TRACEI_GNU || TRACE_CONFIG_SINGLE_THREADED || !TRACEI_PLATFORM_POSIX

TRACE_APP trace_result trace_functions_init(const trace_functions_options *options) {
    (void)options;
    return TRACE_RESULT_UNSUPPORTED;
}

#else

#if defined(__ELF__)
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#if defined(__GLIBC__) && !defined(__USE_GNU)
/* A system header came before _GNU_SOURCE and hid these: glibc's, down to the members used here. */
struct dl_phdr_info {
    ElfW(Addr) dlpi_addr;
    const char *dlpi_name;
    const ElfW(Phdr) *dlpi_phdr;
    ElfW(Half) dlpi_phnum;
};
extern int dl_iterate_phdr(int (*callback)(struct dl_phdr_info *info, size_t size, void *user), void *user);
#endif
#else
#include <dlfcn.h>
#endif
#include <stdlib.h>

#ifdef __clang__
#pragma clang attribute push(__attribute__((no_instrument_function)), apply_to = function)
#endif
#define TRACEI_FUNCTIONS_OURS __attribute__((no_instrument_function))

/* >>symbols -------------------------------------------------------------------------------------------------------

   Names for addresses. Belongs to the consumer (whoever holds the pass); a filter's scan is on its own. The modules of the
   process are listed when an address is met that none of them has; each module's file is mapped and its functions sorted by
   address when the first of them is asked for: .symtab, which has the static ones, else .dynsym. What was found is kept by
   address for good. */

typedef struct tracei_symbol {
    uintptr_t address;            /* where it is in this process */
    uintptr_t size;
    const char *name;             /* in the mapped file */
} tracei_symbol;

typedef struct tracei_module {
    uintptr_t low, high, bias;
    bool read;
    size_t count;
    tracei_symbol *symbols;       /* by address */
    char path[256];
} tracei_module;

enum { TRACEI_MODULES_MAX = 256 };

typedef struct tracei_modules {
    uint32_t count;
    tracei_module modules[TRACEI_MODULES_MAX];
} tracei_modules;

typedef struct tracei_found { uintptr_t address; trace_string name; } tracei_found;

static tracei_modules *tracei_known_modules;
static tracei_found *tracei_found_names;    /* open addressing by address */
static size_t tracei_found_capacity, tracei_found_count;
static uint32_t tracei_found_epoch;         /* of the process they belong to: a fork may have come in the middle of a change */

#if defined(__ELF__)
TRACEI_FUNCTIONS_OURS static int tracei_compare_symbols(const void *a, const void *b) {
    const uintptr_t left = ((const tracei_symbol *)a)->address, right = ((const tracei_symbol *)b)->address;
    return left < right ? -1 : left > right;
}

TRACEI_FUNCTIONS_OURS static int tracei_add_module(struct dl_phdr_info *info, size_t size, void *user) {
    tracei_modules *const list = (tracei_modules *)user;
    tracei_module module;
    uint32_t i;
    (void)size;
    memset(&module, 0, sizeof module);
    module.bias = info->dlpi_addr;
    module.low = UINTPTR_MAX;
    for (i = 0; i < info->dlpi_phnum; i++) {
        const uintptr_t from = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
        if (info->dlpi_phdr[i].p_type != PT_LOAD) continue;
        if (from < module.low) module.low = from;
        if (from + info->dlpi_phdr[i].p_memsz > module.high) module.high = from + info->dlpi_phdr[i].p_memsz;
    }
    for (i = 0; i < list->count; i++)
        if (list->modules[i].low == module.low) return 0;
    if (list->count == TRACEI_MODULES_MAX || module.low > module.high) return 0;
    {
        const char *const path = info->dlpi_name && *info->dlpi_name ? info->dlpi_name : "/proc/self/exe";
        if (strlen(path) < sizeof module.path) memcpy(module.path, path, strlen(path) + 1);
    }
    list->modules[list->count++] = module;
    return 0;
}

/* The table's functions. Everything in the file is checked against its size: it may not be what was loaded. */
TRACEI_FUNCTIONS_OURS static bool tracei_read_table(tracei_module *module, const unsigned char *file, size_t size,
                                                    const ElfW(Shdr) *table, const ElfW(Shdr) *texts) {
    const size_t entries = table->sh_size / sizeof(ElfW(Sym));
    size_t i;
    if (table->sh_offset > size || table->sh_size > size - table->sh_offset || texts->sh_offset > size ||
        texts->sh_size > size - texts->sh_offset || !texts->sh_size || file[texts->sh_offset + texts->sh_size - 1] != '\0')
        return false;
    module->symbols = (tracei_symbol *)tracei_alloc((entries + 1) * sizeof *module->symbols);
    if (!module->symbols) return false;
    for (i = 0; i < entries; i++) {
        ElfW(Sym) symbol;
        memcpy(&symbol, file + table->sh_offset + i * sizeof symbol, sizeof symbol);
        if ((symbol.st_info & 15) != STT_FUNC || symbol.st_shndx == SHN_UNDEF || symbol.st_name >= texts->sh_size) continue;
        module->symbols[module->count].address = module->bias + symbol.st_value;
        module->symbols[module->count].size = symbol.st_size;
        module->symbols[module->count++].name = (const char *)file + texts->sh_offset + symbol.st_name;
    }
    qsort(module->symbols, module->count, sizeof *module->symbols, tracei_compare_symbols);
    return module->count > 0;
}

TRACEI_FUNCTIONS_OURS static void tracei_read_sections(tracei_module *module, const unsigned char *file, size_t size) {
    static const uint32_t types[] = {SHT_SYMTAB, SHT_DYNSYM};
    ElfW(Ehdr) head;
    ElfW(Shdr) table, texts;
    unsigned t, i;
    if (size < sizeof head || memcmp(file, ELFMAG, SELFMAG) != 0) return;
    memcpy(&head, file, sizeof head);
    if (head.e_shentsize != sizeof table || head.e_shoff > size || (size - head.e_shoff) / sizeof table < head.e_shnum) return;
    for (t = 0; t < 2; t++)
        for (i = 0; i < head.e_shnum; i++) {
            memcpy(&table, file + head.e_shoff + i * sizeof table, sizeof table);
            if (table.sh_type != types[t] || table.sh_link >= head.e_shnum) continue;
            memcpy(&texts, file + head.e_shoff + table.sh_link * sizeof texts, sizeof texts);
            if (tracei_read_table(module, file, size, &table, &texts)) return;
        }
}

TRACEI_FUNCTIONS_OURS static void tracei_read_module(tracei_module *module) {
    struct stat status;
    void *file = MAP_FAILED;
    const int descriptor = module->path[0] ? open(module->path, O_RDONLY | O_CLOEXEC) : -1;
    module->read = true;
    if (descriptor < 0) return;
    if (fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode) && status.st_size > 0)
        file = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, descriptor, 0);
    close(descriptor);
    if (file == MAP_FAILED) return;
    tracei_read_sections(module, (const unsigned char *)file, (size_t)status.st_size);
    if (!module->count) munmap(file, (size_t)status.st_size);
}

TRACEI_FUNCTIONS_OURS static const char *tracei_symbol_at(tracei_module *module, uintptr_t address) {
    size_t low = 0, high;
    if (!module->read) tracei_read_module(module);
    high = module->count;
    while (low < high) {          /* the first that begins behind it */
        const size_t middle = low + (high - low) / 2;
        if (module->symbols[middle].address <= address) low = middle + 1;
        else high = middle;
    }
    if (!low) return NULL;
    high = low - 1;
    while (high && module->symbols[high - 1].address == module->symbols[high].address && !module->symbols[high].size) high--;
    return !module->symbols[high].size || address - module->symbols[high].address < module->symbols[high].size
               ? module->symbols[high].name : NULL;
}

TRACEI_FUNCTIONS_OURS static const char *tracei_find_symbol(uintptr_t address) {
    unsigned attempt;
    uint32_t i;
    if (!tracei_known_modules) tracei_known_modules = (tracei_modules *)tracei_alloc(sizeof *tracei_known_modules);
    if (!tracei_known_modules) return NULL;
    for (attempt = 0; attempt < 2; attempt++) {
        for (i = 0; i < tracei_known_modules->count; i++)
            if (address >= tracei_known_modules->modules[i].low && address < tracei_known_modules->modules[i].high)
                return tracei_symbol_at(&tracei_known_modules->modules[i], address);
        if (attempt == 0) (void)dl_iterate_phdr(tracei_add_module, tracei_known_modules);
    }
    return NULL;
}
#else
TRACEI_FUNCTIONS_OURS static const char *tracei_find_symbol(uintptr_t address) {
    Dl_info info;
    return dladdr((const void *)address, &info) ? info.dli_sname : NULL;
}
#endif

/* "f.constprop.0" is f; "0x55d0..." when there is no name. Copied: files are unmapped in a child that forgets them. */
TRACEI_FUNCTIONS_OURS static trace_string tracei_name_of(uintptr_t address) {
    char digits[2 + 2 * sizeof address], *copy;
    const char *const symbol = tracei_find_symbol(address);
    uint8_t bytes[sizeof address];
    trace_string name;
    size_t i;
    for (i = 0; i < sizeof address; i++) bytes[i] = (uint8_t)(address >> (8 * (sizeof address - 1 - i)));
    memcpy(digits, "0x", 2);
    (void)tracei_put_hex(digits + 2, bytes, sizeof address);
    name.data = symbol ? symbol : digits;
    name.size = symbol ? strlen(symbol) : sizeof digits;
    for (i = 1; symbol && i < name.size; i++)
        if (symbol[i] == '.') name.size = i;
    if (name.size > 1024) name.size = tracei_utf8_cut(name.data, name.size, 1024);
    copy = (char *)tracei_alloc(name.size + 1);
    if (copy) memcpy(copy, name.data, name.size);
    if (!copy) name.size = 0;
    name.data = copy ? copy : "";
    return name;
}

TRACEI_FUNCTIONS_OURS static size_t tracei_address_hash(uintptr_t address) {
    return (size_t)((address >> 2) * (uintptr_t)UINT64_C(0x9e3779b97f4a7c15) >> (8 * sizeof address - 24));
}

TRACEI_FUNCTIONS_OURS static bool tracei_grow_names(void) {
    const size_t capacity = tracei_found_capacity ? 2 * tracei_found_capacity : 1024;
    tracei_found *const grown = (tracei_found *)tracei_alloc(capacity * sizeof *grown);
    size_t i, at;
    if (!grown) return false;
    for (i = 0; i < tracei_found_capacity; i++) {
        if (!tracei_found_names[i].address) continue;
        for (at = tracei_address_hash(tracei_found_names[i].address); grown[at & (capacity - 1)].address; at++) {}
        grown[at & (capacity - 1)] = tracei_found_names[i];
    }
    if (tracei_found_names) tracei_free(tracei_found_names, tracei_found_capacity * sizeof *tracei_found_names);
    tracei_found_names = grown;
    tracei_found_capacity = capacity;
    return true;
}

/* tracei_name_fn: by the consumer alone. */
TRACEI_FUNCTIONS_OURS static trace_string tracei_function_name(const unsigned char *bytes) {
    const uint32_t epoch = tracei_epoch_now();
    uint64_t number;
    uintptr_t address;
    trace_string none;
    size_t at;
    memcpy(&number, bytes, 8);
    address = (uintptr_t)number;
    none.data = "";
    none.size = 0;
    if (epoch != tracei_found_epoch) {
        tracei_found_epoch = epoch;
        tracei_known_modules = NULL;
        tracei_found_names = NULL;
        tracei_found_capacity = tracei_found_count = 0;
    }
    if (2 * tracei_found_count >= tracei_found_capacity && !tracei_grow_names()) return none;
    for (at = tracei_address_hash(address); tracei_found_names[at & (tracei_found_capacity - 1)].address; at++)
        if (tracei_found_names[at & (tracei_found_capacity - 1)].address == address)
            return tracei_found_names[at & (tracei_found_capacity - 1)].name;
    none = tracei_name_of(address);
    tracei_found_names[at & (tracei_found_capacity - 1)].address = address;
    tracei_found_names[at & (tracei_found_capacity - 1)].name = none;
    tracei_found_count++;
    return none;
}

/* >>filter --------------------------------------------------------------------------------------------------------

   Names become addresses once, when the lists are read: the recording path looks an address up in a set that never changes, and
   a new list is a new set (the old one is left alone, a thread may be in it). Functions of a library loaded later are in no set:
   recorded with an exclude list, not recorded with an include list. */

typedef struct tracei_filter {
    bool include;                 /* the set is what is recorded; else what is not */
    size_t mask;
    uintptr_t addresses[1];       /* mask + 1 of them; 0: none */
} tracei_filter;

static tracei_filter *tracei_function_filter;

TRACEI_FUNCTIONS_OURS static bool tracei_filter_has(const tracei_filter *filter, uintptr_t address) {
    size_t at;
    for (at = tracei_address_hash(address); filter->addresses[at & filter->mask]; at++)
        if (filter->addresses[at & filter->mask] == address) return true;
    return false;
}

TRACEI_FUNCTIONS_OURS static bool tracei_list_has(const char *list, const char *name, size_t size) {
    trace_string item;
    while (list && tracei_environment_item(&list, &item)) {
        const bool star = item.data[item.size - 1] == '*';
        if (star ? size >= item.size - 1 && memcmp(name, item.data, item.size - 1) == 0
                 : size == item.size && memcmp(name, item.data, size) == 0)
            return true;
    }
    return false;
}

#if defined(__ELF__)
/* Adds what the lists name, or counts it when there is no set yet. */
TRACEI_FUNCTIONS_OURS static size_t tracei_filter_fill(tracei_filter *filter, tracei_modules *modules, bool include,
                                                       const char *included, const char *excluded, bool ours) {
    size_t count = 0, j, at;
    uint32_t i;
    for (i = 0; i < modules->count; i++) {
        tracei_module *const module = &modules->modules[i];
        if (!module->read) tracei_read_module(module);
        for (j = 0; j < module->count; j++) {
            const char *const name = module->symbols[j].name, *const dot = name[0] ? strchr(name + 1, '.') : NULL;
            const size_t size = dot ? (size_t)(dot - name) : strlen(name);
            const bool out = tracei_list_has(excluded, name, size) ||
                             (ours && (strncmp(name, "trace_", 6) == 0 || strncmp(name, "tracei_", 7) == 0));
            if (include ? out || !tracei_list_has(included, name, size) : !out) continue;
            count++;
            if (!filter) continue;
            for (at = tracei_address_hash(module->symbols[j].address); filter->addresses[at & filter->mask]; at++) {}
            filter->addresses[at & filter->mask] = module->symbols[j].address;
        }
    }
    return count;
}

TRACEI_FUNCTIONS_OURS static bool tracei_filter_make(const char *included, const char *excluded, bool ours) {
    const bool include = included && *included;
    tracei_modules *const modules = (tracei_modules *)tracei_alloc(sizeof *modules);
    tracei_filter *filter;
    size_t count, capacity = 64;
    if (!modules) return false;
    (void)dl_iterate_phdr(tracei_add_module, modules);
    count = tracei_filter_fill(NULL, modules, include, included, excluded, ours);
    while (capacity < 2 * count + 2) capacity *= 2;
    filter = (tracei_filter *)tracei_alloc(sizeof *filter + capacity * sizeof filter->addresses[0]);
    if (!filter) return false;
    filter->include = include;
    filter->mask = capacity - 1;
    (void)tracei_filter_fill(filter, modules, include, included, excluded, ours);
    TRACEI_STORE_RELEASE(&tracei_function_filter, filter);
    if (!count && (include || !ours))
        tracei_log(TRACE_LOG_LEVEL_WARNING, "functions: no function has a name of the %s list%s", include ? "include" : "exclude",
                   include ? ": nothing is recorded; is the program stripped?" : "; is the program stripped?");
    return true;
}
#else
TRACEI_FUNCTIONS_OURS static bool tracei_filter_make(const char *included, const char *excluded, bool ours) {
    (void)included, (void)excluded, (void)ours;
    tracei_log(TRACE_LOG_LEVEL_WARNING, "functions: include and exclude lists need ELF files; they are ignored");
    return true;
}
#endif

/* >>frames --------------------------------------------------------------------------------------------------------

   Each thread has a stack of frames: function, stack pointer and ticks at its entry. An entry pushes one and an exit pops one;
   that is all there is to a call that stays below the minimum. The lowest frames, up to `made`, have become spans of the core,
   open and current one below the other; those above are only known here. When a call that is long enough ends, or the program
   starts a span of its own (tracei_frames_fn), what is below it is made first, with the ticks of its entry. Longer than its
   callee, it would be kept anyway; so nothing is ever recorded that turns out not to be wanted.

   The gate is as a unit's: equal to the process's open value, or else the slow path has something to find out: a new thread, a
   fork, a signal handler that interrupted this very code (then the gate is BUSY, and the handler's calls are not recorded: all of
   them, because it returns before the gate opens).

   Jumps. An entry whose stack pointer is above that of the top frame, and an exit of another function than the top frame's, tell
   that what is in between is gone. A stack pointer far above the lowest frame's is another stack (sigaltstack): that tells
   nothing. */

#define TRACEI_FRAMES_DEFAULT 256u
#define TRACEI_STACK_NEAR 65536u

typedef struct tracei_frame {
    uintptr_t function;
    uintptr_t stack;
    uint64_t start;               /* ticks */
} tracei_frame;

typedef struct tracei_frames_thread {
    uint32_t gate;
    uint32_t depth, made;
    uint32_t capacity;
    uint32_t beyond;              /* calls open above capacity */
    bool gone;
    tracei_frame *frames;
    trace_span *spans;            /* of the made ones */
    struct tracei_frames_thread *next;      /* free */
} tracei_frames_thread;

static tracei_frames_thread tracei_frames_none, tracei_frames_gone, tracei_frames_entering;
static TRACEI_THREAD_LOCAL tracei_frames_thread *tracei_frames_tls = &tracei_frames_none;
static tracei_frames_thread *tracei_frames_free;
static uint32_t tracei_frames_lock;         /* the free list, and beginning */
static uint32_t tracei_frames_begun, tracei_frames_off, tracei_frames_capacity = TRACEI_FRAMES_DEFAULT;
static uint64_t tracei_frames_min;          /* ticks */
static pthread_key_t tracei_frames_key;
static uint32_t tracei_own_calls;           /* our own functions are instrumented */

/* A span for each frame below `count` that has none yet. In the unit, gate BUSY. */
TRACEI_FUNCTIONS_OURS static void tracei_frames_make(tracei_unit *unit, tracei_frames_thread *self, uint32_t count) {
    for (; self->made < count; self->made++) {
        const tracei_frame *const frame = &self->frames[self->made];
        tracei_earlier earlier;
        uint64_t address = frame->function;
        char name[8];
        earlier.start = frame->start;
        earlier.bits = TRACEI_BITS_ADDRESS;
        memcpy(name, &address, 8);
        self->spans[self->made] = tracei_start_general(unit, name, 8, &tracei_default_options, &earlier);
    }
}

/* tracei_frames_fn: the program starts a span, or asks what is current. */
TRACEI_FUNCTIONS_OURS static void tracei_frames_needed(tracei_unit *unit) {
    tracei_frames_thread *const self = tracei_frames_tls;
    if (self->gate != tracei_open_gate()) return;       /* we ourselves, or nothing is there */
    TRACEI_STORE(&self->gate, TRACEI_GATE_BUSY);
    TRACEI_COMPILER_BARRIER();
    tracei_frames_make(unit, self, self->depth);
    TRACEI_COMPILER_BARRIER();
    TRACEI_STORE(&self->gate, tracei_open_gate());
}

/* Ends frame `at`, the last one made. A handle from before a fork, or one that a block around it ended, is nothing. */
TRACEI_FUNCTIONS_OURS static void tracei_frame_end(tracei_unit *unit, tracei_frames_thread *self, uint32_t at, uint64_t end,
                                                   bool abandoned) {
    tracei_slot *const slot = tracei_slot_of(unit, self->spans[at]);
    self->made = at;
    if (!slot) return;
    if (abandoned) TRACEI_BUMP(&unit->counts[TRACEI_COUNT_ABANDONED]);
    tracei_finish(unit, slot, end, abandoned ? TRACEI_BITS_ABANDONED : 0);
}

/* The top frame is a span, or is to be one, and ends. */
TRACEI_FUNCTIONS_OURS static TRACEI_NOINLINE void tracei_frame_keep(tracei_frames_thread *self, uint32_t at, uint64_t end) {
    tracei_unit *const unit = tracei_enter();
    if (!unit) {
        if (self->made <= at) (void)tracei_start_refused();
        if (self->made > at) self->made = at;
        return;
    }
    if (TRACEI_LOAD(&unit->returned)) tracei_reclaim(unit);
    tracei_frames_make(unit, self, at + 1);
    tracei_frame_end(unit, self, at, end, false);
    tracei_leave_unit(unit);
}

/* The frames from `depth` on are gone without an exit. Those that were no spans yet leave nothing. */
TRACEI_FUNCTIONS_OURS static TRACEI_NOINLINE void tracei_frames_jumped(tracei_frames_thread *self, uint32_t depth) {
    tracei_unit *const unit = self->made > depth ? tracei_enter() : NULL;
    const uint64_t now = tracei_ticks();
    while (unit && self->made > depth) tracei_frame_end(unit, self, self->made - 1, now, true);
    if (unit) tracei_leave_unit(unit);
    if (self->made > depth) self->made = depth;
    self->depth = depth;
    self->beyond = 0;
}

/* The depth below which frames are still there, by the stack pointer of who is called now. */
TRACEI_FUNCTIONS_OURS static uint32_t tracei_frames_alive(const tracei_frames_thread *self, uintptr_t stack) {
    uint32_t depth = self->depth;
    if (stack > self->frames[0].stack && stack - self->frames[0].stack > TRACEI_STACK_NEAR) return depth;
    while (depth && stack > self->frames[depth - 1].stack) depth--;
    return depth;
}

/* An exit that is not the top frame's: of a function left out, of one that was never entered here, or after a jump. */
TRACEI_FUNCTIONS_OURS static TRACEI_NOINLINE bool tracei_frames_search(tracei_frames_thread *self, uintptr_t function) {
    const tracei_filter *const filter = TRACEI_LOAD_ACQUIRE(&tracei_function_filter);
    uint32_t depth = self->depth;
    if (filter && tracei_filter_has(filter, function) != filter->include) return false;
    while (depth && self->frames[depth - 1].function != function) depth--;
    if (depth) tracei_frames_jumped(self, depth);
    return depth != 0;
}

TRACEI_FUNCTIONS_OURS static void tracei_frames_thread_exit(void *argument) {
    tracei_frames_thread *const self = (tracei_frames_thread *)argument;
    if (tracei_frames_tls != self || self->gate != tracei_open_gate()) return;
    tracei_frames_tls = &tracei_frames_gone;
    tracei_frames_jumped(self, 0);
    self->gate = 0;
    tracei_lock(&tracei_frames_lock);
    self->next = tracei_frames_free;
    tracei_frames_free = self;
    tracei_unlock(&tracei_frames_lock);
}

TRACEI_FUNCTIONS_OURS static tracei_frames_thread *tracei_frames_take(void) {
    tracei_frames_thread *taken, **place;
    uint32_t capacity = TRACEI_LOAD(&tracei_frames_capacity);
    tracei_lock(&tracei_frames_lock);
    for (place = &tracei_frames_free; (taken = *place) != NULL && taken->capacity != capacity; place = &taken->next) {}
    if (taken) *place = taken->next;
    tracei_unlock(&tracei_frames_lock);
    if (!taken) {
        taken = (tracei_frames_thread *)tracei_alloc(sizeof *taken + capacity * (sizeof(tracei_frame) + sizeof(trace_span)));
        if (!taken) return NULL;
        taken->capacity = capacity;
        taken->frames = (tracei_frame *)(void *)(taken + 1);
        taken->spans = (trace_span *)(void *)(taken->frames + capacity);
    }
    taken->depth = taken->made = taken->beyond = 0;
    return taken;
}

/* How many ticks the duration has. Ticks are nanoseconds unless they are a counter's: then a tenth of a millisecond tells. */
TRACEI_FUNCTIONS_OURS static uint64_t tracei_ticks_in(uint64_t ns) {
    const uint64_t first = tracei_ticks(), first_ns = tracei_mono_ns();
    uint64_t now_ns;
    if (!TRACEI_LOAD(&tracei_tick_source)) return ns;
    do now_ns = tracei_mono_ns();
    while (now_ns - first_ns < 100000);
    return (uint64_t)((double)ns * (double)(tracei_ticks() - first) / (double)(now_ns - first_ns));
}

TRACE_APP TRACEI_FUNCTIONS_OURS trace_result trace_functions_init(const trace_functions_options *given) {
    trace_functions_options options;
    uint32_t number;
    tracei_unit *const unit = tracei_enter(); /* begins the process: environment and tick source are known then */
    if (unit) tracei_leave_unit(unit);
    memset(&options, 0, sizeof options);
    if (given) options = *given;
    if (!options.disable_environment) {
        if (!options.all && !options.min_duration_ns &&
            tracei_environment_u32("TRACE_FUNCTIONS_MIN_US", 0, UINT32_MAX, &number)) {
            options.all = number == 0;
            options.min_duration_ns = (uint64_t)number * 1000;
        }
        if (!options.include) options.include = tracei_environment("TRACE_FUNCTIONS_INCLUDE");
        if (!options.exclude) options.exclude = tracei_environment("TRACE_FUNCTIONS_EXCLUDE");
        if (!options.max_depth) (void)tracei_environment_u32("TRACE_FUNCTIONS_DEPTH", 1, 65536, &options.max_depth);
    }
    if (!options.min_duration_ns && !options.all) options.min_duration_ns = 10000;
    if (options.max_depth > 65536) options.max_depth = 65536;
    if ((options.include && *options.include) || (options.exclude && *options.exclude) || TRACEI_LOAD(&tracei_own_calls)) {
        if (!tracei_filter_make(options.include, options.exclude, TRACEI_LOAD(&tracei_own_calls) != 0))
            return TRACE_RESULT_NO_MEMORY;
    } else {
        TRACEI_STORE_RELEASE(&tracei_function_filter, (tracei_filter *)NULL);
    }
    if (options.max_depth) TRACEI_STORE(&tracei_frames_capacity, options.max_depth);
    TRACEI_STORE(&tracei_frames_min, options.all ? 0 : tracei_ticks_in(options.min_duration_ns));
    TRACEI_STORE(&tracei_frames_off, options.disabled);
    TRACEI_STORE_RELEASE(&tracei_frames_begun, 1u);
    return TRACE_RESULT_OK;
}

/* Is called once, to see whether the hooks are called for it. */
static TRACEI_NOINLINE void tracei_function_of_ours(void) { TRACEI_COMPILER_BARRIER(); }
static uintptr_t tracei_last_function;      /* whose hook was called while a thread was entering */

/* Once in a process, by whichever thread is first; the others are not recorded meanwhile. */
TRACEI_FUNCTIONS_OURS static void tracei_frames_begin(void) {
    static uint32_t begun;
    if (TRACEI_EXCHANGE(&begun, 1u)) return;
    tracei_last_function = 0;
    tracei_function_of_ours();
    if (tracei_last_function == (uintptr_t)tracei_function_of_ours) {
        TRACEI_STORE(&tracei_own_calls, 1u);
        tracei_log(TRACE_LOG_LEVEL_WARNING,
                   "functions: this library's own functions are instrumented, which costs time: compile the file with "
                   "TRACE_IMPLEMENTATION without -finstrument-functions, or add "
                   "-finstrument-functions-exclude-file-list=trace_functions,trace.h");
    }
    if (pthread_key_create(&tracei_frames_key, tracei_frames_thread_exit) != 0) return;
    TRACEI_STORE(&tracei_name_fn, &tracei_function_name);
    if (!TRACEI_LOAD(&tracei_frames_begun) && trace_functions_init(NULL) != TRACE_RESULT_OK) return;
    TRACEI_STORE_RELEASE(&tracei_frames_fn, &tracei_frames_needed); /* after the name: a record of this kind needs it */
    tracei_shortcut_refresh();
}

/* The gate is not open. NULL: this call is not recorded. */
TRACEI_FUNCTIONS_OURS static TRACEI_NOINLINE tracei_frames_thread *tracei_frames_enter(uintptr_t function) {
    tracei_frames_thread *self = tracei_frames_tls;
    const int saved = errno;
    tracei_unit *unit;
    if (self == &tracei_frames_entering) tracei_last_function = function;
    if (self->gate == TRACEI_GATE_BUSY || self == &tracei_frames_gone || self == &tracei_frames_entering ||
        tracei_tls == &tracei_unit_suppressed || tracei_tls == &tracei_unit_gone)
        return NULL;
    tracei_frames_tls = &tracei_frames_entering;
    TRACEI_COMPILER_BARRIER();
    if (self->capacity) {         /* forked: what is open belongs to the parent, whose handles are nothing here */
        self->made = self->depth;
        tracei_frames_lock = 0;
        tracei_frames_free = NULL;
    } else {
        tracei_frames_begin();
        self = TRACEI_LOAD_ACQUIRE(&tracei_frames_fn) ? tracei_frames_take() : NULL;
    }
    unit = self ? tracei_enter() : NULL;    /* begins the process, in a child: without it there is no open gate */
    if (unit) tracei_leave_unit(unit);
    if (self && pthread_setspecific(tracei_frames_key, self) != 0) unit = NULL;
    if (unit) self->gate = tracei_open_gate();
    TRACEI_COMPILER_BARRIER();
    tracei_frames_tls = unit ? self : &tracei_frames_none;
    errno = saved;
    return unit ? self : NULL;
}

/* >>hooks ---------------------------------------------------------------------------------------------------------

   What the compiler calls. errno is kept by everything that can change it. */

#ifdef __cplusplus
extern "C" {
#endif
__attribute__((visibility("default"))) void __cyg_profile_func_enter(void *function, void *caller) TRACEI_FUNCTIONS_OURS;
__attribute__((visibility("default"))) void __cyg_profile_func_exit(void *function, void *caller) TRACEI_FUNCTIONS_OURS;
#ifdef __cplusplus
}
#endif

void __cyg_profile_func_enter(void *function, void *caller) {
    tracei_frames_thread *self = tracei_frames_tls;
    const tracei_filter *filter;
    tracei_frame *frame;
    uintptr_t stack;
    (void)caller;
    if (TRACEI_RARE(self->gate != tracei_open_gate()) && !(self = tracei_frames_enter((uintptr_t)function))) return;
    if (TRACEI_RARE(TRACEI_LOAD(&tracei_frames_off))) return;
    filter = TRACEI_LOAD_ACQUIRE(&tracei_function_filter);
    if (TRACEI_RARE(filter != NULL) && tracei_filter_has(filter, (uintptr_t)function) != filter->include) return;
    TRACEI_STORE(&self->gate, TRACEI_GATE_BUSY);
    TRACEI_COMPILER_BARRIER();
    stack = (uintptr_t)__builtin_frame_address(0);
    if (self->depth && TRACEI_RARE(stack > self->frames[self->depth - 1].stack)) {
        const uint32_t alive = tracei_frames_alive(self, stack);
        if (alive < self->depth) tracei_frames_jumped(self, alive);
    }
    if (TRACEI_RARE(self->depth == self->capacity)) {
        self->beyond++;
    } else {
        frame = &self->frames[self->depth++];
        frame->function = (uintptr_t)function;
        frame->stack = stack;
        frame->start = tracei_ticks();
    }
    TRACEI_COMPILER_BARRIER();
    TRACEI_STORE(&self->gate, tracei_open_gate());
}

void __cyg_profile_func_exit(void *function, void *caller) {
    tracei_frames_thread *self = tracei_frames_tls;
    const tracei_frame *frame;
    uint64_t now;
    uint32_t at;
    (void)caller;
    if (TRACEI_RARE(self->gate != tracei_open_gate()) && !(self = tracei_frames_enter((uintptr_t)function))) return;
    if (TRACEI_RARE(!self->depth)) return;
    TRACEI_STORE(&self->gate, TRACEI_GATE_BUSY);
    TRACEI_COMPILER_BARRIER();
    now = tracei_ticks();
    frame = &self->frames[self->depth - 1];
    if (TRACEI_RARE(self->beyond)) {
        if ((uintptr_t)__builtin_frame_address(0) < frame->stack) {
            self->beyond--;
            goto out;
        }
        self->beyond = 0;         /* what was beyond is gone: a jump */
    }
    if (TRACEI_RARE(frame->function != (uintptr_t)function) && !tracei_frames_search(self, (uintptr_t)function)) goto out;
    at = self->depth - 1;
    if (at < self->made || now - self->frames[at].start >= TRACEI_LOAD(&tracei_frames_min)) tracei_frame_keep(self, at, now);
    self->depth = at;
out:
    TRACEI_COMPILER_BARRIER();
    TRACEI_STORE(&self->gate, tracei_open_gate());
}

#ifdef __clang__
#pragma clang attribute pop
#endif

#endif /* supported */

#ifndef TRACEI_KEEP_MACROS
#undef TRACEI_FUNCTIONS_PUBLIC
#undef TRACEI_FUNCTIONS_OURS
#undef TRACEI_FRAMES_DEFAULT
#undef TRACEI_STACK_NEAR
#endif
#endif /* TRACE_IMPLEMENTATION */

/*
   trace.h is available under either of two licences; choose the one you prefer.

   SPDX-License-Identifier: MIT OR Unlicense

   ------------------------------------------------------------------------------
   ALTERNATIVE A - MIT License

   Copyright (c) 2026 trace.h contributors

   Permission is hereby granted, free of charge, to any person obtaining a copy of
   this software and associated documentation files (the "Software"), to deal in
   the Software without restriction, including without limitation the rights to
   use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies
   of the Software, and to permit persons to whom the Software is furnished to do
   so, subject to the following conditions:

   The above copyright notice and this permission notice shall be included in all
   copies or substantial portions of the Software.

   THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
   IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
   FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
   AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
   LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
   OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
   SOFTWARE.

   ------------------------------------------------------------------------------
   ALTERNATIVE B - Public Domain (www.unlicense.org)

   This is free and unencumbered software released into the public domain.

   Anyone is free to copy, modify, publish, use, compile, sell, or distribute this
   software, either in source code form or as a compiled binary, for any purpose,
   commercial or non-commercial, and by any means.

   In jurisdictions that recognize copyright laws, the author or authors of this
   software dedicate any and all copyright interest in the software to the public
   domain. We make this dedication for the benefit of the public at large and to
   the detriment of our heirs and successors. We intend this dedication to be an
   overt act of relinquishment in perpetuity of all present and future rights to
   this software under copyright law.

   THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
   IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
   FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
   AUTHORS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN
   ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION
   WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
*/
