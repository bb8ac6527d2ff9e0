#!/bin/sh
# What trace_metrics.h writes, read by prometheus_client: both formats, and what the numbers must be.
# SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors
set -u
cd "$(dirname "$0")/.." || exit 2
: "${CC:=cc}" "${TEST_BUILD_DIR:=build/metrics_parser}"
venv=build/metrics-venv
mkdir -p "$TEST_BUILD_DIR"
if ! [ -x $venv/bin/python ] || ! $venv/bin/python -c 'import prometheus_client' 2>/dev/null; then
    if ! python3 -m venv $venv >/dev/null 2>&1 ||
        ! $venv/bin/pip -q --retries 0 --timeout 10 --disable-pip-version-check install \
            prometheus_client==0.22.1 >/dev/null 2>&1; then
        rm -rf $venv
        echo "prometheus_client 0.22.1 is not to be had (python3, venv, pip)"
        echo "0 passed, 0 failed, 1 skipped"
        exit 0
    fi
fi
$CC -std=gnu11 -O0 tests/test_metrics.c -pthread -o "$TEST_BUILD_DIR/metrics" || exit 1
METRICS_OUT="$TEST_BUILD_DIR/text" "$TEST_BUILD_DIR/metrics" texts_for_the_parser >/dev/null || exit 1
PYTHONDONTWRITEBYTECODE=1 $venv/bin/python - "$TEST_BUILD_DIR/text" <<'END'
import sys
from prometheus_client import parser
from prometheus_client.openmetrics import parser as open_parser

def read(families):
    samples = {}
    for family in families:
        for s in family.samples:
            key = (s.name, tuple(sorted(s.labels.items())))
            assert key not in samples, ("twice", key)
            samples[key] = s
    return samples

failed = 0
def check(held, what):
    global failed
    if not held:
        failed += 1
        print("FAILED", what)

texts = {kind: open(sys.argv[1] + "." + kind, encoding="utf-8", newline="").read() for kind in ("prom", "om")}
prom = read(parser.text_string_to_metric_families(texts["prom"]))
om_families = list(open_parser.text_string_to_metric_families(texts["om"]))
om = read(om_families)
query = {"span_name": "query", "span_kind": "SPAN_KIND_CLIENT", "otel_scope_name": 'lib"pq"'}
def key(name, **labels): return (name, tuple(sorted(labels.items())))
for kind, samples in (("prom", prom), ("om", om)):
    check(samples[key("traces_span_metrics_calls_total", status_code="STATUS_CODE_ERROR", **query)].value == 5, kind + " errors")
    check(samples[key("traces_span_metrics_duration_seconds_bucket", status_code="STATUS_CODE_UNSET", le="+Inf",
                      **query)].value == 15, kind + " +Inf")
    model = {"gen_ai_operation_name": "chat", "gen_ai_request_model": 'a\\b"c\nd\ufffde'}
    check(samples[key("gen_ai_client_calls_total", **model)].value == 2, kind + " escapes")
    check(samples[key("gen_ai_cost_usd_total", gen_ai_operation_name="chat", gen_ai_request_model="m")].value == 0.25 + 1e-7,
          kind + " cost")
    check(samples[key("trace_h_spans_ended_total")].value == 40, kind + " own state")
check(any(name == "target_info" for name, _ in om), "target_info")
check(set(k[0] for k in prom) == set(k[0] for k in om), "the same names in both")
by_name = {f.name: f for f in om_families}
check(by_name["traces_span_metrics_duration_seconds"].unit == "seconds", "UNIT")
check(by_name["traces_span_metrics_duration_seconds"].type == "histogram", "TYPE")
check(by_name["gen_ai_client_operation_duration_seconds"].documentation == 'How long "calls" took,\nwith \\ waiting.', "HELP")
with_exemplar = [s for s in by_name["traces_span_metrics_duration_seconds"].samples if s.exemplar]
check(with_exemplar and all(len(s.exemplar.labels["trace_id"]) == 32 for s in with_exemplar), "exemplars")
try:
    list(open_parser.text_string_to_metric_families(texts["om"].replace("# EOF\n", "")))
    check(False, "this parser notices nothing")
except ValueError:
    pass
print("%d passed, %d failed" % (1 if not failed else 0, failed))
sys.exit(failed != 0)
END
