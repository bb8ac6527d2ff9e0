"""The environment is read where its rules are kept and nowhere else: once, for who asks, and never in a set-user-id program.

A bare getenv would be read while another thread calls setenv, and would believe whoever started a program with more privileges than
his own. Settings come from tracei_environment, a carrier's variables from tracei_getenv.
SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors
"""
import glob
import os
import re
import sys

ROOT = sys.argv[1]
READERS = re.compile(r"\b(tracei_getenv|tracei_environment_list|\w*getenv(?:_s)?|_w?dupenv_s|_w?environ|environ|_NSGetEnviron|"
                     r"GetEnvironment\w+|(?:un)?setenv|putenv|clearenv)\b")
ALLOWED = {     # a word, and the functions it may stand in; "": outside of all
    "environ": ["", "tracei_environment_list"],
    "_NSGetEnviron": ["tracei_environment_list"],
    "GetEnvironmentStringsW": ["tracei_environment_copy"],
    "getenv": ["tracei_getenv"],
    "tracei_environment_list": ["tracei_environment_copy", "tracei_getenv"],
    "tracei_getenv": ["trace_extract_environment"],
}


def code_of(text):
    """Without comments, strings and characters, in as many lines."""
    what = r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'"
    return re.sub(what, lambda match: " " + "\n" * match.group().count("\n"), text, flags=re.S).split("\n")


def readers(path):
    """Yields (line, word, function) of each; a function is what begins at the margin and ends with a brace there."""
    head, function = "", ""
    for number, line in enumerate(code_of(open(path, encoding="utf-8").read()), 1):
        if re.match(r"[A-Za-z_]", line):
            head = ""
        head += line if not function and not line.startswith(("#", "}")) else ""
        if head.rstrip().endswith("{"):
            names = [name for name in re.findall(r"(\w+)\s*\(", head) if name not in ("__attribute__", "constructor", "destructor")]
            head, function = "", names[0] if names else ""
        for match in READERS.finditer(line):
            yield number, match.group(), function
        if line.startswith("}"):
            head, function = "", ""


complaints, count = [], 0
for path in sorted(glob.glob(os.path.join(ROOT, "trace*.h")) + glob.glob(os.path.join(ROOT, "preload", "*.[ch]"))):
    for number, word, function in readers(path):
        count += 1
        if function not in ALLOWED.get(word, []) + [word]:     # the last: its own first line
            complaints.append(f"{path}:{number}: {word} in {function or 'no function'}")
print("\n".join(complaints) if complaints else f"{count} places")
sys.exit(1 if complaints else 0)
