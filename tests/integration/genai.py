#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors
"""Sends an agent, a model call and a tool to a real Phoenix and reads back what it made of them.

genai.py      ends with "N passed, N failed". Phoenix is installed below build/integration when its pin is not there."""
import os, subprocess, sys

import backends, install
from backends import NotReady, get_json, until

OUT = os.path.join(install.ROOT, "build", "integration")

# What Phoenix must show; by the span's name.
WANTED = {
    "invoke_agent planner": {"span_kind": "AGENT", "agent.name": "planner"},
    "chat gpt-4o": {
        "span_kind": "LLM", "llm.model_name": "gpt-4o", "llm.provider": "openai", "llm.token_count.prompt": 1200, "llm.token_count.completion": 45,
        "llm.token_count.total": 1245, "llm.token_count.prompt_details.cache_read": 1000, "llm.token_count.completion_details.reasoning": 5,
        "llm.cost.total": 0.0022, "session.id": "thread-1", "llm.input_messages.0.message.role": "system",
        "llm.input_messages.1.message.content": "Weather in Z\u00fcrich?", "llm.output_messages.0.message.content": "Let me look.",
        "llm.output_messages.0.message.tool_calls.0.tool_call.function.name": "weather", "input.mime_type": "application/json"},
    "execute_tool weather": {"span_kind": "TOOL", "tool.name": "weather", "output.value": '{"celsius":14}'},
}


def build():
    program = os.path.join(OUT, "genai")
    subprocess.run([os.environ.get("CC", "cc"), "-std=gnu11", "-g", "-O1", "-Wall", "-Wextra", "-fsanitize=address,undefined", "-fno-sanitize-recover=undefined",
                    os.path.join(install.ROOT, "tests", "integration", "genai.c"), "-o", program, "-pthread"], check=True)
    return program


def flat(value, path=""):
    """Phoenix answers with dotted keys or with objects: both become dotted keys."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from flat(inner, path + "." + key if path else key)
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from flat(inner, "%s.%d" % (path, number))
    else:
        yield path, value


def differences(spans):
    for name, wanted in WANTED.items():
        found = [span for span in spans if span["name"] == name]
        if len(found) != 1:
            yield "%d spans are called %s" % (len(found), name)
            continue
        have = dict(flat(found[0]["attributes"]), span_kind=found[0]["span_kind"])
        for key, value in wanted.items():
            got = have.get(key)
            if got != value and not (isinstance(value, float) and isinstance(got, (int, float)) and abs(got - value) < 1e-9):
                yield "%s: %s is %r, not %r" % (name, key, got, value)
    ids = {span["name"]: span["context"]["span_id"] for span in spans}
    for span in spans:
        if span["name"] != "invoke_agent planner" and span["parent_id"] != ids.get("invoke_agent planner"):
            yield span["name"] + " is no child of the agent"


def against_phoenix(phoenix):
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("OTEL_", "PHOENIX_"))}
    done = subprocess.run([build()], capture_output=True, text=True, timeout=60,
                          env=dict(environment, OTEL_TRACES_EXPORTER="phoenix", PHOENIX_COLLECTOR_ENDPOINT=phoenix.url("HTTP")))
    if done.returncode or done.stderr:
        raise NotReady("genai ended with %d: %s" % (done.returncode, done.stderr[-2000:]))
    path = phoenix.url("HTTP", "/v1/projects/default/spans?trace_id=" + done.stdout.strip())
    until(lambda: len((get_json(path) or {"data": []})["data"]) == len(WANTED), 10, "Phoenix to have the spans")
    return list(differences(get_json(path)["data"]))


def main():
    paths, problems = install.install_all(["phoenix"])
    wrong = list(problems)
    if "phoenix" in paths:
        phoenix = backends.Phoenix(paths["phoenix"])
        try:
            phoenix.start()
            wrong += against_phoenix(phoenix)
        except NotReady as error:
            wrong.append(str(error))
        finally:
            phoenix.stop()
    for complaint in wrong:
        print("FAILED " + complaint)
    print("%d passed, %d failed" % (not wrong, bool(wrong)))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
