"""What every file keeps to: licence line, encoding, white space, width, size; and what none may name.

Paths of somebody's machine, numbers of tickets, hosts other than those allowed below.
SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors
"""
import os
import re
import subprocess
import sys

ROOT = sys.argv[1]
LARGEST = 1024 * 1024
WIDTH, WIDTH_ELSEWHERE = 130, 240       # of the headers and examples; of tests, which have tables, and tools
WIDE = {".md", ".svg", ".txt", ".json", ".lock", ".toml", ""}      # lines of these may be longer
BINARY = {".bin", ".gz", ".png", ".corpus"}
NEEDS_LICENCE = {".c", ".h", ".cpp", ".sh", ".py", ".awk", ".rs", ".go"}
LICENCE = "SPDX-License-Identifier: MIT OR Unlicense"
COPYRIGHT = "Copyright (c) 2026 trace.h contributors"
HOSTS = re.compile(
    r"^(localhost|127\.0\.0\.\d+|\[::1\]|::1|0\.0\.0\.0|10\.\d+\.\d+\.\d+|192\.168\.\d+\.\d+|.*\.(example|test|invalid|local|internal|svc)|"
    r"(.*\.)?example\.(com|org|net)|www\.w3\.org|w3\.org|opentelemetry\.io|unlicense\.org|keepachangelog\.com|semver\.org|"
    r"spdx\.org|no-color\.org|bixense\.com|zipkin\.io|192\.0\.2\.\d+|"
    # the endpoints of the presets
    r"(eu\.)?api\.smith\.langchain\.com|(us\.)?cloud\.langfuse\.com|api(\.eu1)?\.honeycomb\.io|otlp(\.eu01)?\.nr-data\.net|"
    r"otlp\.datadoghq\.(com|eu)|(otlp|api)\.agentops\.ai|xray\.[a-z0-9-]+\.amazonaws\.com|"
    r"api\.openai\.com|"                                                # where examples/chat.c asks unless it is told otherwise
    r"[a-z-]+)$")                                                       # one word: a name inside a test's own network
NEVER = [
    (re.compile(r"(?<![\w./$}])/(work|root|home|Users|tmp/[a-z_]+\.\w+)/(?!canary)[\w.]"), "a path of some machine"),
    (re.compile(r"\b(issue|ticket|pull request|PR)s? ?#?\d+", re.I), "the number of a ticket"),
    (re.compile(r"\w#\d{2,}\b"), "the number of a ticket"),
    (re.compile(r"--(index-url|extra-index-url|trusted-host|registry)\b"), "a registry"),
    (re.compile(r"\b(pypi|pythonhosted|npmjs|crates|rubygems|debian|ubuntu|golang)\.(org|com|io)\b"), "the host of a registry"),
]


def files():
    listed = subprocess.run(["git", "-C", ROOT, "ls-files", "-co", "--exclude-standard"], capture_output=True, text=True)
    inside = os.path.abspath(ROOT) == subprocess.run(["git", "-C", ROOT, "rev-parse", "--show-toplevel"],
                                                     capture_output=True, text=True).stdout.strip()
    if listed.returncode == 0 and inside:
        names = listed.stdout.splitlines()
    else:
        names = [os.path.relpath(os.path.join(folder, name), ROOT) for folder, _, all_names in os.walk(ROOT) for name in all_names]
    for name in sorted(set(names)):
        skip = name.startswith(("build/", "tests/lint/fixtures/")) or "/.git/" in name or name == "expect"
        if not skip and os.path.isfile(os.path.join(ROOT, name)):
            yield name


def check_lines(name, text, extension):
    makefile = os.path.basename(name) == "Makefile"
    golden = name.startswith("tests/golden/")
    for number, line in enumerate(text.split("\n"), 1):
        at = f"{name}:{number}: "
        if not golden:
            if line.rstrip() != line:
                yield at + "white space at the end of the line"
            if "\t" in line and not makefile and extension not in (".go", ".txt"):
                yield at + "a tab"
            width = WIDTH if name.startswith(("trace", "examples/")) else WIDTH_ELSEWHERE
            if len(line) > width and extension not in WIDE and not makefile:
                yield at + f"{len(line)} columns, {width} are allowed"
        if name == "tests/lint/files.py" or extension == ".lock":      # a lock file is what its tool writes
            continue
        for pattern, what in NEVER:
            if pattern.search(line):
                yield at + f"names {what}: {line.strip()[:100]}"
        for host in re.findall(r"\bhttps?://(?:[^@/\s]*@)?(\[[^\]]*\]|[A-Za-z0-9._-]+)", line):
            if not host.startswith("[") and not HOSTS.match(host.rstrip(".")):
                yield at + f"names the host {host}"


def check(name):
    path = os.path.join(ROOT, name)
    extension = os.path.splitext(name)[1]
    size = os.path.getsize(path)
    if size > LARGEST:
        yield f"{name}: {size} bytes, {LARGEST} are allowed"
        return
    data = open(path, "rb").read()
    if extension in BINARY or name.startswith(("tests/golden/", "tests/fuzz/corpus")):
        return
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        yield f"{name}: not UTF-8 at byte {error.start}"
        return
    if "\r" in text:
        yield f"{name}: a carriage return"
    if text and not text.endswith("\n"):
        yield f"{name}: no newline at the end"
    if text.endswith("\n\n"):
        yield f"{name}: empty lines at the end"
    head = "\n".join(text.split("\n")[:12])
    if (extension in NEEDS_LICENCE or os.path.basename(name) == "Makefile") and (LICENCE not in head or COPYRIGHT not in head):
        yield f"{name}: no licence line ({LICENCE} - {COPYRIGHT})"
    if re.match(r"trace[a-z_]*\.h$", name) and ("WITHOUT WARRANTY OF ANY KIND" not in text or "public domain" not in text):
        yield f"{name}: the full text of both licences is not at its end"
    if re.match(r"tests/test_\w+\.c$", name) and "#define TRACE_IMPLEMENTATION" in text and not re.search(r'#include "(settled|ledger)\.h"', text):
        if not re.search(r"^/\* no ledger: .* \*/$", head, re.M):
            yield f"{name}: its tests do not end with a ledger: include settled.h, or say why not: /* no ledger: ... */"
    yield from check_lines(name, text, extension)


complaints = [complaint for name in files() for complaint in check(name)]
print("\n".join(complaints) if complaints else f"{len(list(files()))} files")
sys.exit(1 if complaints else 0)
