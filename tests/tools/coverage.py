"""Adds up gcov's counts of the headers over all test programs.

SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors
"""
import collections
import glob
import gzip
import json
import os
import subprocess
import sys

directory, least = sys.argv[1], float(sys.argv[2])
lines = collections.defaultdict(lambda: collections.defaultdict(int))
branches = collections.defaultdict(lambda: collections.defaultdict(int))
functions = collections.defaultdict(lambda: collections.defaultdict(int))
for data in glob.glob(os.path.join(directory, "*.gcda")):
    done = subprocess.run(["gcov", "-b", "--json-format", "--stdout", data], capture_output=True)
    raw = gzip.decompress(done.stdout) if done.stdout[:2] == b"\x1f\x8b" else done.stdout
    for document in raw.decode().splitlines():
        for file in json.loads(document)["files"]:
            name = os.path.basename(file["file"])
            if not name.startswith("trace") or not name.endswith(".h"):
                continue
            for function in file["functions"]:
                functions[name][(function["start_line"], function["name"])] += function["execution_count"]
            for line in file["lines"]:
                lines[name][line["line_number"]] += line["count"]
                for index, branch in enumerate(line["branches"]):
                    if not branch.get("throw"):
                        branches[name][(line["line_number"], index)] += branch["count"]
worst = 100.0
for name in sorted(lines):
    share = lambda counts: 100.0 * sum(1 for count in counts.values() if count) / max(1, len(counts))
    worst = min(worst, share(branches[name]))
    print(f"{name:18} lines {share(lines[name]):5.1f} % of {len(lines[name])}   branches {share(branches[name]):5.1f} % of "
          f"{len(branches[name])}   functions {share(functions[name]):5.1f} % of {len(functions[name])}")
    source = open(name, encoding="utf-8").read().split("\n")
    with open(os.path.join(directory, name + ".missing"), "w", encoding="utf-8") as out:
        for (start, function), count in sorted(functions[name].items()):
            if not count:
                out.write(f"{start}: the function {function} is never called\n")
        for number, count in sorted(lines[name].items()):
            missed = [index for (line, index), taken in branches[name].items() if line == number and not taken]
            if not count:
                out.write(f"{number}: never reached: {source[number - 1].strip()}\n")
            elif missed:
                out.write(f"{number}: {len(missed)} branches never taken: {source[number - 1].strip()}\n")
    print(f"{'':18} what is missing: {os.path.join(directory, name + '.missing')}")
sys.exit(1 if worst < least else 0)
