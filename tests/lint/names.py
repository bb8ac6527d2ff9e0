"""Every name a header defines, public or private, begins with trace_, TRACE_, tracei_ or TRACEI_.

Functions, variables, types and enumerators come from the compiler's debugging information, macros from the text.
SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors
"""
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = sys.argv[1]
PREFIX = re.compile(r"^(trace_|tracei_|TRACE_|TRACEI_|__cyg_profile_func_)")    # the last: what -finstrument-functions calls
# Switches of the system's headers, set before the first of them.
SWITCHES = {"_GNU_SOURCE", "_DARWIN_C_SOURCE", "_DEFAULT_SOURCE", "WIN32_LEAN_AND_MEAN", "NOMINMAX", "_WIN32_WINNT"}
# What a header may put in the place of names that are not ours, where it is asked to (TRACE_CONFIG_..._REDIRECT).
REDIRECTS = {"trace_curl.h": re.compile(r"^curl_(easy|multi)_"), "trace_sqlite.h": re.compile(r"^sqlite3_")}
MODES = ["", "-DTRACE_CONFIG_LIBRARY=1", "-DTRACE_CONFIG_OFF=1", "-DTRACE_CONFIG_SINGLE_THREADED=1", "-DTRACE_CONFIG_STATIC=1"]
KINDS = {"subprogram", "variable", "typedef", "structure_type", "union_type", "enumeration_type", "enumerator", "class_type"}
GCC = os.environ.get("CC", "gcc")


def defined_macros(header):
    for number, line in enumerate(open(header, encoding="utf-8"), 1):
        match = re.match(r"\s*#\s*define\s+(\w+)", line)
        redirects = REDIRECTS.get(os.path.basename(header))
        if match and redirects and redirects.match(match.group(1)):
            continue
        if match and not PREFIX.match(match.group(1)) and match.group(1) not in SWITCHES:
            yield f"{header}:{number}: the macro {match.group(1)} lacks the prefix"


def debug_names(header, mode, language, directory):
    """Yields (kind, name) of everything at file scope that the header itself declares."""
    source = os.path.join(directory, "unit.c")
    target = os.path.join(directory, "unit.o")
    library = "LIBRARY" in mode
    with open(source, "w") as out:
        out.write(("" if library else "#define TRACE_IMPLEMENTATION\n") + f'#include "{os.path.abspath(header)}"\n')
    command = [GCC, "-x", language, "-w", "-O0", "-g", "-gdwarf-4", "-fno-eliminate-unused-debug-types",
               "-fno-eliminate-unused-debug-symbols", "-fkeep-inline-functions", "-fkeep-static-functions"]
    command += ["-std=c99" if language == "c" else "-std=c++17"] + ([mode] if mode else []) + ["-c", source, "-o", target]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        first = next((line for line in done.stderr.splitlines() if "error" in line), done.stderr[:200])
        if "unrecognized" in done.stderr or "unknown argument" in done.stderr:
            print(f"SKIPPED {GCC} keeps no debugging information of unused names; gcc does")
            sys.exit(77)
        yield "error", first
        return
    read = lambda what: subprocess.run(["readelf", "-W", f"--debug-dump={what}", target], capture_output=True, text=True).stdout
    files, inside = {}, False
    for line in read("rawline").splitlines():
        if "The File Name Table" in line:
            inside = True
        match = re.match(r"\s+(\d+)\s+\d+\s+\d+\s+\d+\s+(?:\(.*\): )?(\S+)$", line)
        if inside and match:
            files[match.group(1)] = match.group(2)
    mine = {number for number, name in files.items() if os.path.basename(name) == os.path.basename(header)}
    depth, kind, name, where, stack = 0, None, None, None, []
    enumeration_is_mine = False

    def whole():
        return kind in KINDS and name and (where in mine or (kind == "enumerator" and enumeration_is_mine))

    for line in read("info").splitlines() + [" <0><0>: Abbrev Number: 1 (DW_TAG_end)"]:
        match = re.match(r"\s*<([0-9a-f]+)><[0-9a-f]+>: Abbrev Number: \d+ \(DW_TAG_(\w+)\)", line)
        if match:
            if depth == 1 and kind == "enumeration_type":
                enumeration_is_mine = where in mine
            if whole() and (depth == 1 or (depth == 2 and kind == "enumerator")):
                yield kind, name
            depth, kind, name, where = int(match.group(1), 16), match.group(2), None, None
            continue
        match = re.match(r"\s*<[0-9a-f]+>\s+DW_AT_name\s*:\s*(?:\(\w+\)\s*)?(?:\([^)]*\):\s*)?(\S.*)$", line)
        if match:
            name = match.group(1)
        match = re.match(r"\s*<[0-9a-f]+>\s+DW_AT_decl_file\s*:\s*(?:\(\w+\)\s*)?(\d+)", line)
        if match:
            where = match.group(1)


def main():
    if not shutil.which("readelf") or not shutil.which(GCC):
        print("SKIPPED no readelf or no", GCC)
        return 77
    complaints, counted = [], set()
    with tempfile.TemporaryDirectory() as directory:
        for header in sorted(glob.glob(os.path.join(ROOT, "trace*.h"))):
            complaints += defined_macros(header)
            for language in ("c", "c++"):
                for mode in MODES if os.path.basename(header) == "trace.h" else MODES[:1]:
                    for kind, name in debug_names(header, mode, language, directory):
                        if kind == "error":
                            complaints.append(f"{header}: does not compile ({mode} {language}): {name}")
                        elif not PREFIX.match(name):
                            complaints.append(f"{header}: the {kind.replace('_', ' ')} {name} lacks the prefix")
                        counted.add(name)
    for complaint in dict.fromkeys(complaints):
        print(complaint)
    if not complaints:
        print(len(counted), "names")
    return 1 if complaints else 0


sys.exit(main())
