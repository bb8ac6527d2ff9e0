#!/usr/bin/env python3
"""Reads a pushed request of metrics with the published schema: every byte is a known field, and the numbers agree with each other.

SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors

metrics_oracle.py <file>      an ExportMetricsServiceRequest, as tests/test_otlp_metrics.c leaves it in TEST_BUILD_DIR/metrics.bin
Needs opentelemetry-proto==1.45.2 and protobuf==7.36.2.
"""
import sys

from google.protobuf.unknown_fields import UnknownFieldSet
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import AGGREGATION_TEMPORALITY_CUMULATIVE


def known(message, path):
    """No field the schema does not have, at any depth."""
    if len(UnknownFieldSet(message)):
        sys.exit("%s has unknown fields" % path)
    for field, value in message.ListFields():
        if field.type == field.TYPE_MESSAGE:
            for part in value if field.is_repeated else [value]:
                known(part, path + "." + field.name)


def need(condition, what):
    if not condition:
        sys.exit("metrics_oracle: " + what)


request = ExportMetricsServiceRequest()
with open(sys.argv[1], "rb") as file:
    request.ParseFromString(file.read())
known(request, "request")
points = 0
names = set()
for resource in request.resource_metrics:
    need(any(a.key == "service.name" and a.value.string_value == "shop" for a in resource.resource.attributes), "service.name is not shop")
    for scope in resource.scope_metrics:
        need(scope.scope.name == "trace.h", "the scope is " + scope.scope.name)
        for metric in scope.metrics:
            names.add(metric.name)
            kind = metric.WhichOneof("data")
            data = getattr(metric, kind)
            need(kind == "gauge" or data.aggregation_temporality == AGGREGATION_TEMPORALITY_CUMULATIVE, metric.name + " is not cumulative")
            need(kind != "sum" or data.is_monotonic, metric.name + " is not monotonic")
            seen = set()
            for point in data.data_points:
                points += 1
                labels = tuple(sorted((a.key, a.value.string_value) for a in point.attributes))
                need(labels not in seen, "%s has %s twice" % (metric.name, labels))
                seen.add(labels)
                need(0 < point.start_time_unix_nano <= point.time_unix_nano, metric.name + " ends before it starts")
                if kind == "histogram":
                    need(len(point.bucket_counts) == len(point.explicit_bounds) + 1, metric.name + " has not one bucket more than bounds")
                    need(sum(point.bucket_counts) == point.count, metric.name + ": buckets do not add up")
                    need(list(point.explicit_bounds) == sorted(set(point.explicit_bounds)), metric.name + ": bounds do not ascend")
                    need(all(len(e.trace_id) == 16 and len(e.span_id) == 8 and e.HasField("as_double") for e in point.exemplars),
                         metric.name + " has a bad exemplar")
wanted = {"ai.llm.requests", "ai.llm.tokens", "ai.llm.duration", "ai.llm.cost.dollars", "gen_ai.client.token.usage",
          "gen_ai.client.operation.duration", "traces.span.metrics.calls", "traces.span.metrics.duration"}
need(wanted <= names, "missing: " + ", ".join(sorted(wanted - names)))
print("metrics: %d metrics, %d points, no unknown field" % (len(names), points))
