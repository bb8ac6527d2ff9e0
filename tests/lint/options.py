"""Every option and variable the headers read is in the tables of README.md, and every function is declared with a comment near.

SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors
"""
import glob
import os
import re
import sys

ROOT = sys.argv[1]
readme = open(os.path.join(ROOT, "README.md"), encoding="utf-8").read()
makefile = os.path.join(ROOT, "Makefile")
complaints = []
wanted = set()
header_text = ""
for header in sorted(glob.glob(os.path.join(ROOT, "trace*.h"))):
    header_text += open(header, encoding="utf-8").read()
code = re.sub(r"/\*.*?\*/", "", header_text, flags=re.S)
wanted |= set(re.findall(r"\bTRACE_CONFIG_[A-Z_]+\b", code))
wanted |= set(re.findall(r"\bTRACE_HTTP_[A-Z]+(?=\))", code))
wanted |= {name for name in re.findall(r'"((?:OTEL|TRACER?|AI_INFRA|NO_COLOR|CLICOLOR|COLUMNS)[A-Z_]*)"', code) if not name.endswith("_") and "_" in name or
           name in ("TRACEPARENT", "TRACESTATE", "COLUMNS")}
# the core's table of variables, but for the carriers of contexts
for names in re.findall(r'^    "((?:[A-Z0-9_]+\\0)+)\\0"', code, re.M):
    wanted |= {name for name in names.split("\\0") if name and not re.match(r"B3|X_|_X_|UBER_", name)}
wanted -= {"OTEL_CONFIG_FILE", "OTEL_EXPERIMENTAL_CONFIG_FILE"}
if "`OTLP_TRACES_`" in readme:                  # described once for all of them
    wanted = {name.replace("OTLP_TRACES_", "OTLP_") for name in wanted}
for name in sorted(wanted):
    if not re.search(rf"\b{name}\b", readme):
        complaints.append(f"README.md: {name} is read by a header and not documented")
for name in sorted(set(re.findall(r"\bTRACE_CONFIG_[A-Z_]+\b", readme))):
    if name not in code:
        complaints.append(f"README.md: {name} is documented and no header reads it")
if os.path.exists(makefile):
    text = open(makefile, encoding="utf-8").read()
    documents = readme + "".join(open(path, encoding="utf-8").read() for path in glob.glob(os.path.join(ROOT, "*.md")))
    for target in re.findall(r"^([a-z][a-z-]*):", text, flags=re.M):
        if not re.search(rf"^{target}:[^#\n]*## ", text, flags=re.M):
            complaints.append(f"Makefile: the target {target} has no description")
    for target in set(re.findall(r"`make ([a-z][a-z-]*)", documents)):
        if not re.search(rf"^{target}:", text, flags=re.M):
            complaints.append(f"the documents name `make {target}`, which the Makefile does not have")
print("\n".join(complaints) if complaints else f"{len(wanted)} options")
sys.exit(1 if complaints else 0)
