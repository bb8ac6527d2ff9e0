#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors
"""A program nobody wrote for this: bzip2, 6,400 lines of C out of a package, built with -finstrument-functions. Who called whom how
often is compared with what gprof counts in the same program.

functions.py      ends with "N passed, N failed". Needs cargo, whose package vendors bzip2, and gprof."""
import collections, json, os, random, re, shutil, subprocess, sys

import install

OUT = os.path.join(install.ROOT, "build", "integration", "functions")
PIN = "0.1.13"
SOURCES = ["blocksort", "huffman", "crctable", "randtable", "compress", "decompress", "bzlib", "bzip2"]


def install_bzip2():
    work = os.path.join(install.BUILD, "bzip2")
    source = os.path.join(work, "vendor", "bzip2-sys", "bzip2-1.0.8")
    if not os.path.exists(os.path.join(source, "bzip2.c")):
        os.makedirs(os.path.join(work, "src"), exist_ok=True)
        open(os.path.join(work, "src", "lib.rs"), "w").close()
        with open(os.path.join(work, "Cargo.toml"), "w") as file:
            file.write('[package]\nname = "fetch"\nversion = "0.0.0"\nedition = "2021"\n[dependencies]\nbzip2-sys = "=%s"\n' % PIN)
        install.run("bzip2", "cargo", "vendor", "--quiet", cwd=work)
    return source


def build(source, name, *flags):
    cc, program = os.environ.get("CC", "cc"), os.path.join(OUT, name)
    subprocess.run([cc, "-std=gnu11", "-g", "-O0", "-w", *flags, "-o", program, *[os.path.join(source, one + ".c") for one in SOURCES], *(
        [os.path.join(OUT, "tracer.o"), "-pthread"] if "-pg" not in flags else [])], check=True)
    return program


def run(program, *arguments, **variables):
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("OTEL_", "TRACE", "BZIP"))}
    return subprocess.run([program, *arguments], cwd=OUT, env=dict(clean, **variables), check=True, capture_output=True)


def arcs_of_gprof(program):
    """(caller, callee) to the number of calls: the lines above a function's own line, which begins with [n]; below it, itself."""
    text = subprocess.run(["gprof", "-b", "-q", program, os.path.join(OUT, "gmon.out")], check=True, capture_output=True, text=True).stdout
    arcs, callers, callee = {}, [], None
    for line in text.splitlines():
        own = re.match(r"\[\d+\]\s.*?([A-Za-z_]\w*) \[\d+\]$", line)
        other = re.match(r"\s.*?\s(\d+)(?:/\d+)?\s+([A-Za-z_]\w*) \[\d+\]$", line)
        if line.startswith("-----"):
            callers, callee = [], None
        elif own:
            callee = own.group(1)
            arcs.update({(caller, callee): count for caller, count in callers})
        elif other and (not callee or other.group(2) == callee):
            callers.append((other.group(2), int(other.group(1))))
            if callee:
                arcs[callee, callee] = int(other.group(1))
    return arcs


def spans_of(output):
    return [span for line in output.splitlines() if line for one in json.loads(line)["resourceSpans"] for two in one["scopeSpans"] for span in two["spans"]]


def traced(program, minimum, *arguments):
    done = run(program, *arguments, OTEL_TRACES_EXPORTER="otlp/stdout", TRACE_FUNCTIONS_MIN_US=str(minimum))
    spans, ledger = spans_of(done.stdout), json.loads(done.stderr.splitlines()[-1])
    wrong = [] if ledger == {"flush": "ok", "ended": len(spans), "exported": len(spans), "dropped": 0, "open": 0, "misused": 0, "abandoned": 0} else ["%d spans, the ledger: %r" % (len(spans), ledger)]
    wrong += [] if len(done.stderr.splitlines()) == 1 else ["it complained: %r" % done.stderr[:500]]
    by_id = {span["spanId"]: span for span in spans}
    roots = [span["name"] for span in spans if not span.get("parentSpanId")]
    wrong += [] if roots == ["main"] else ["roots: %r" % roots[:5]]
    for span in spans:
        above = by_id.get(span.get("parentSpanId"))
        if above and not int(above["startTimeUnixNano"]) <= int(span["startTimeUnixNano"]) <= int(span["endTimeUnixNano"]) <= int(above["endTimeUnixNano"]):
            wrong.append("%s is not within %s" % (span["name"], above["name"]))
        if not above and span["name"] != "main":
            wrong.append("the parent of %s is missing" % span["name"])
    return spans, by_id, wrong


def check(name, wrong):
    print("%s %s" % ("FAILED" if wrong else "ok    ", name))
    for line in wrong[:8]:
        print("       " + line[:500])
    return not wrong


def main():
    shutil.rmtree(OUT, ignore_errors=True)
    os.makedirs(OUT)
    try:
        source = install_bzip2()
    except install.CannotInstall as error:
        print("FAILED to install bzip2: %s\n0 passed, 1 failed" % error)
        return 1
    subprocess.run([os.environ.get("CC", "cc"), "-std=gnu11", "-O2", "-Wall", "-Wextra", "-c", os.path.join(install.HERE, "functions.c"), "-o", os.path.join(OUT, "tracer.o")], check=True)
    program, profiled = build(source, "bzip2", "-finstrument-functions"), build(source, "bzip2_pg", "-pg", "-no-pie")
    words = random.Random(7)
    with open(os.path.join(OUT, "text"), "w") as file:
        file.write(" ".join(words.choice(("trace", "span", "link", "event", "queue", "ring")) + str(words.randrange(100)) for _ in range(1500)))
    shutil.copy(os.path.join(OUT, "text"), os.path.join(OUT, "text_pg"))

    run(profiled, "-k", "text_pg")
    wanted = arcs_of_gprof(profiled)
    spans, by_id, wrong = traced(program, 0, "-k", "text")
    got = collections.Counter((by_id[span["parentSpanId"]]["name"], span["name"]) for span in spans if span.get("parentSpanId") in by_id)
    wrong += ["%s calls %s %d times, gprof says %d" % (*arc, got.get(arc, 0), wanted.get(arc, 0)) for arc in set(got) | set(wanted) if got.get(arc) != wanted.get(arc)]
    wrong += [] if len(wanted) > 30 and sum(wanted.values()) > 1000 else ["gprof says little: %d arcs" % len(wanted)]
    with open(os.path.join(OUT, "text.bz2"), "rb") as one, open(os.path.join(OUT, "text_pg.bz2"), "rb") as other:
        wrong += [] if one.read() == other.read() else ["it compresses differently"]
    print("       %d calls, %d functions, %d callers and callees" % (len(spans), len({span["name"] for span in spans}), len(got)))
    passed = check("bzip2: every call, as gprof counts them", wrong)

    spans, _, wrong = traced(program, 50, "-d", "-k", "-f", "text.bz2")
    wrong += ["%s took %s ns" % (span["name"], span["endTimeUnixNano"]) for span in spans if int(span["endTimeUnixNano"]) - int(span["startTimeUnixNano"]) < 45000]
    with open(os.path.join(OUT, "text")) as one, open(os.path.join(OUT, "text_pg")) as other:
        wrong += [] if one.read() == other.read() else ["it decompresses differently"]
    passed += check("bzip2 -d: calls of 50 us and more, %d of them" % len(spans), wrong)
    print("%d passed, %d failed" % (passed, 2 - passed))
    return 0 if passed == 2 else 1


if __name__ == "__main__":
    sys.exit(main())
