"""The code in README.md and in the manual compiles without a warning; whole programs run.

    ```c            a whole program when it has a main: compiled and run; must exit 0
    ```c            without a main: statements, wrapped into a function of a file that includes trace.h
    ```c file       without a main: declarations and functions, wrapped into such a file
    ```cpp          the same in C++17; ```cpp20 in C++20
    <!-- prints: text -->    on the line before a program: the text is in what it prints

A fragment may use what tests/lint/readme_prelude.h declares. Links of README.md to its own headings and to files lead somewhere.
SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.abspath(sys.argv[1])
HERE = os.path.dirname(os.path.abspath(__file__))
PRELUDE = os.path.join(HERE, "readme_prelude.h")
CC, CXX = os.environ.get("CC", "cc").split(), os.environ.get("CXX", "c++").split()
FLAGS = ["-Wall", "-Wextra", "-Werror", "-O0", "-iquote", ROOT, "-iquote", os.path.join(ROOT, "tests")]


def blocks(path):
    language, start, lines, prints, before = None, 0, [], None, ""
    for number, line in enumerate(open(path, encoding="utf-8"), 1):
        if language is None:
            match = re.match(r"```(c|cpp|cpp20)( file)?\s*$", line)
            if match:
                language, start, lines = match.group(1) + (match.group(2) or ""), number, []
                match = re.match(r"<!-- prints: (.*) -->", before)
                prints = match.group(1) if match else None
            before = line
        elif line.startswith("```"):
            yield start, language, "".join(lines), prints
            language = None
        else:
            lines.append(line)


def anchor(heading):
    """As GitHub makes them."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def dead_links(path):
    text = re.sub(r"^```.*?^```", "", open(path, encoding="utf-8").read(), flags=re.M | re.S)
    anchors = {"#" + anchor(heading) for heading in re.findall(r"^#+ (.*)$", text, flags=re.M)}
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target not in anchors and not target.startswith("https://") and not os.path.exists(os.path.join(ROOT, target)):
            yield f"{os.path.basename(path)}: a link leads nowhere: {target}"


def manual_blocks(path):
    """The example below "Do this" in the manual of a header: indented lines, up to the first line that is not."""
    text = open(path, encoding="utf-8").read()
    match = re.search(r"^ *Do this[^\n]*\n(?:\s*\n)?((?:(?: {4,}[^\n]*)?\n)+)", text, flags=re.M)
    if match and "int main" in match.group(1):
        yield text[:match.start()].count("\n") + 1, "c", match.group(1), None


def wrap(language, code):
    if re.search(r"\bint main\(", code):
        return code
    if '#include "' in code:                     # brings the header itself, by the path a user would have
        own_main = re.search(r"^TEST_MAIN\(\)", code, flags=re.M)
        return code.replace("third_party/trace_h/", "") + ("" if own_main else "\nint main(void) { return 0; }\n")
    start = f'#include "trace.h"\n#include "{PRELUDE}"\n'
    if language.endswith(" file"):
        return start + code + "\nint main(void) { return 0; }\n"
    ready = "void fragment(void);\nvoid fragment(void) {\n"
    return start + ready + code + "\n}\nint main(void) { return 0; }\n"


def check(path, block, directory):
    number, language, code, prints = block
    program = bool(re.search(r"\bint main\(", code))
    cpp = language.startswith("cpp")
    source = os.path.join(directory, "block.cpp" if cpp else "block.c")
    target = os.path.join(directory, "block")
    with open(source, "w", encoding="utf-8") as out:
        out.write(wrap(language, code))
    standard = ("-std=c++20" if "20" in language else "-std=c++17") if cpp else "-std=gnu11"
    libraries = [library for header, library in (("trace_curl.h", "-lcurl"), ("trace_sqlite.h", "-lsqlite3")) if header in code]
    command = (CXX if cpp else CC) + [standard] + FLAGS + ([] if program else ["-Wno-unused", "-c"]) + [source, "-pthread"]
    command += libraries + ["-o", target]
    done = subprocess.run(command, capture_output=True, text=True)
    name = os.path.relpath(path, ROOT)
    if re.search(r"(curl/curl|sqlite3)\.h: No such file", done.stderr):
        print(f"SKIPPED {name}:{number}: no headers of its library")
        return None
    if done.returncode:
        first = [line for line in done.stderr.splitlines() if "error" in line or "undefined" in line][:3]
        return f"{name}:{number}: does not compile: " + "; ".join(first)
    if not program:
        return None
    clean = {key: value for key, value in os.environ.items() if not key.startswith("OTEL_")}
    try:
        done = subprocess.run([target], capture_output=True, text=True, timeout=30, cwd=directory, env=clean)
    except subprocess.TimeoutExpired:
        return f"{name}:{number}: does not end"
    if done.returncode:
        return f"{name}:{number}: exits with {done.returncode}: {done.stderr[:200]}"
    if prints and prints not in done.stdout + done.stderr:
        return f"{name}:{number}: does not print: {prints}"
    return None


def main():
    if not shutil.which(CC[0]):
        print("SKIPPED no", CC[0])
        return 77
    complaints, count = [], 0
    with tempfile.TemporaryDirectory() as directory:
        for name, extract in (("README.md", blocks), ("CONTRIBUTING.md", blocks), ("trace.h", manual_blocks)):
            path = os.path.join(ROOT, name)
            if not os.path.exists(path):
                continue
            complaints += dead_links(path)
            for block in extract(path):
                if block[1].startswith("cpp") and not shutil.which(CXX[0]):
                    print("SKIPPED no", CXX[0])
                    continue
                count += 1
                complaint = check(path, block, directory)
                if complaint:
                    complaints.append(complaint)
    if count == 0:
        complaints.append("README.md: no code blocks found")
    print("\n".join(complaints) if complaints else f"{count} blocks")
    return 1 if complaints else 0


sys.exit(main())
