"""Reads what a program under a preloaded library exported (FOLDER/NAME.out, .err, requests) and evaluates a condition on it.

    preload_check.py FOLDER NAME CONDITION

SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors
"""
import json
import os
import re
import sys

folder, name, condition = sys.argv[1:4]
read = lambda file: open(os.path.join(folder, file), errors="replace").read()
out, err, status = read(name + ".out"), read(name + ".err"), int(read("status"))
requests = [head for head in read("requests").split("\n\n") if head.strip()]
spans = []
for start in (match.start() for match in re.finditer(r'\{"resourceSpans"', out)):
    document, _ = json.JSONDecoder().raw_decode(out[start:])
    for resource in document["resourceSpans"]:
        for scope in resource["scopeSpans"]:
            spans += scope["spans"]
spans.sort(key=lambda span: (int(span["startTimeUnixNano"]), int(span["endTimeUnixNano"])))


def value(one):
    (kind, content), = one.items()
    return int(content) if kind == "intValue" else content


def at(number):
    return {one["key"]: value(one["value"]) for one in spans[number]["attributes"]}


def names():
    return [span["name"] for span in spans]


def codes():
    return [at(i).get("http.response.status_code") for i in range(len(spans))]


def one(code):
    return codes() == [code] and spans[0]["kind"] == 3 and status == 0


def sent(number):
    return requests[number]


def traces():
    return {span["traceId"] for span in spans}


def texts(key):
    return [at(i).get(key) for i in range(len(spans))]


def parents_match():
    """Every request the server was sent carries the ids of a span, each of another."""
    carried = {re.search(r"traceparent: 00-(\w{32})-(\w{16})-", head).groups() for head in requests}
    return carried == {(span["traceId"], span["spanId"]) for span in spans} and len(carried) == len(requests)


def leaks():
    return "canary" in re.sub(r"^ok$", "", out, flags=re.M) or "canary" in err


result = eval(condition)
print("status", status)
for span in spans:
    print(json.dumps(span))
for head in requests:
    print(head)
print(out[:2000])
print(err[:2000])
sys.exit(0 if result else 1)
