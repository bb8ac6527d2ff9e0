# SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors
"""What was recorded, and what each backend says it got, in one form; and the differences between the two.

A span is a dict: trace_id, span_id, parent (hex; parent "" for none), flags, trace_state, name, kind, start, end (ns), attributes
(key to value), dropped, events, links, status (code, message), scope (name, version, schema URL), resource, resource_schema.
A value is a pair of type and content; doubles as their bits, so that -0 and NaN compare."""
import base64, datetime, json, os, struct, sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "oracle"))
import zipkin_oracle

SLACK_NS = 5000000      # between the system clock and the library's, which follows it in steps of 1 ms


def text(hexadecimal):
    return bytes.fromhex(hexadecimal).decode("utf-8", "replace")


def bits(number):
    return struct.pack(">d", float(number)).hex()


def recorded_value(v):
    if v[0] in ("string", "json"):
        return "string", text(v[1])
    if v[0] == "int":
        return "int", int(v[1])
    if v[0] == "array":
        return "array", tuple(recorded_value(item) for item in v[1])
    if v[0] == "null":
        return ("null",)
    return tuple(v)


def recorded_attributes(pairs):
    return {text(key): recorded_value(value) for key, value in pairs}


class Truth:
    """The file emit wrote."""

    def __init__(self, path, service):
        with open(path) as file:
            lines = [json.loads(line) for line in file]
        first, last = lines[0], lines[-1]
        self.begin, self.end = int(first["from"]) - SLACK_NS, int(last["to"]) + SLACK_NS
        self.resource = recorded_attributes(first["attributes"])
        self.resource["service.name"] = ("string", service)
        self.batch = {"scopes": first["scopes"]}      # as the oracle has them
        self.described = {d["span_id"]: d for d in lines[1:-1]}
        scopes = [tuple(map(text, scope)) for scope in first["scopes"]]
        self.spans = {}
        for d in lines[1:-1]:
            span = {
                "trace_id": d["trace_id"], "span_id": d["span_id"], "parent": d["parent"] if int(d["parent"], 16) else "",
                "flags": d["flags"] | 0x100 | (0x200 if d["remote"] else 0), "trace_state": text(d["trace_state"]), "name": text(d["name"]), "kind": d["kind"],
                "start": int(d["start"]), "end": int(d["end"]), "attributes": recorded_attributes(d["attributes"]), "dropped": d["dropped"],
                "events": [{"time": int(e["time"]), "name": text(e["name"]), "attributes": recorded_attributes(e["attributes"]), "dropped": e["dropped"]}
                           for e in d["events"]],
                "links": [{"trace_id": l["trace_id"], "span_id": l["span_id"], "flags": l["flags"] | 0x100 | (0x200 if l["remote"] else 0),
                           "trace_state": text(l["trace_state"]), "attributes": recorded_attributes(l["attributes"]), "dropped": l["dropped"]}
                          for l in d["links"]],
                "status": (d["status"], text(d["message"])), "scope": scopes[d["scope"]]}
            self.spans[d["span_id"]] = span


# ---- OTLP/JSON, as the Collector's file exporter and Jaeger's API write it ---------------------------------------------

def otlp_value(v):
    if not v:
        return ("null",)
    (kind, content), = v.items()
    if kind == "stringValue":
        return "string", content
    if kind == "intValue":
        return "int", int(content)
    if kind == "doubleValue":
        return "double", bits({"NaN": "nan", "Infinity": "inf", "-Infinity": "-inf"}.get(content, content))
    if kind == "boolValue":
        return "bool", content
    if kind == "bytesValue":
        return "bytes", base64.b64decode(content or "").hex()
    if kind == "arrayValue":
        return "array", tuple(otlp_value(item) for item in content.get("values", []))
    raise ValueError("a value of kind " + kind)


def otlp_attributes(pairs):
    found = {pair.get("key", ""): otlp_value(pair.get("value", {})) for pair in pairs}
    if len(found) != len(pairs):
        raise ValueError("a key twice: %s" % [pair.get("key") for pair in pairs])
    return found


def otlp_spans(tree):
    """Every span of a TracesData object."""
    for one in tree.get("resourceSpans", []):
        resource = otlp_attributes(one.get("resource", {}).get("attributes", []))
        for two in one.get("scopeSpans", []):
            scope = two.get("scope", {})
            for s in two.get("spans", []):
                yield {
                    "trace_id": s["traceId"], "span_id": s["spanId"], "parent": s.get("parentSpanId", ""), "flags": s.get("flags", 0),
                    "trace_state": s.get("traceState", ""), "name": s.get("name", ""), "kind": s.get("kind", 0), "start": int(s["startTimeUnixNano"]),
                    "end": int(s["endTimeUnixNano"]), "attributes": otlp_attributes(s.get("attributes", [])),
                    "dropped": [s.get("dropped%sCount" % what, 0) for what in ("Attributes", "Events", "Links")],
                    "events": [{"time": int(e["timeUnixNano"]), "name": e.get("name", ""), "attributes": otlp_attributes(e.get("attributes", [])),
                                "dropped": e.get("droppedAttributesCount", 0)} for e in s.get("events", [])],
                    "links": [{"trace_id": l["traceId"], "span_id": l["spanId"], "flags": l.get("flags", 0), "trace_state": l.get("traceState", ""),
                               "attributes": otlp_attributes(l.get("attributes", [])), "dropped": l.get("droppedAttributesCount", 0)}
                              for l in s.get("links", [])],
                    "status": (s.get("status", {}).get("code", 0), s.get("status", {}).get("message", "")),
                    "scope": (scope.get("name", ""), scope.get("version", ""), two.get("schemaUrl", "")), "resource": resource,
                    "resource_schema": one.get("schemaUrl", "")}


RESOURCE_SCHEMA = "https://opentelemetry.io/schemas/1.44.0"   # the version whose names the detectors use
SDK = {"telemetry.sdk.name": ("string", "trace.h"), "telemetry.sdk.language": ("string", "c")}


def resource_differences(wanted, got):
    """Ours must be there as they are; beside them only what the library adds by itself."""
    wanted = dict(wanted, **SDK)
    wrong = ["resource %r: %r, not %r" % (key, got.get(key), value) for key, value in wanted.items() if got.get(key) != value]
    own = ("telemetry.sdk.", "process.", "host.", "os.", "service.instance.id")
    return wrong + ["resource %r: not ours" % key for key in got if key not in wanted and not key.startswith(own)]


def time_differences(truth, wanted, got):
    """Times that were given must be exact; the others lie within the run and in order."""
    if wanted["start"]:
        return ["%s: %d, not %d" % (name, got[name], wanted[name]) for name in ("start", "end") if got[name] != wanted[name]]
    if truth.begin <= got["start"] <= got["end"] <= truth.end:
        return []
    return ["times %d to %d outside of %d to %d" % (got["start"], got["end"], truth.begin, truth.end)]


def span_differences(truth, wanted, got, without=()):
    wrong = time_differences(truth, wanted, got)
    for key in ("trace_id", "span_id", "parent", "flags", "trace_state", "name", "kind", "attributes", "dropped", "links", "status", "scope"):
        if key not in without and wanted[key] != got[key]:
            wrong.append("%s: %r, not %r" % (key, got[key], wanted[key]))
    if "events" not in without:
        events = [dict(event) for event in got["events"]]
        if len(events) == len(wanted["events"]):
            for event, one in zip(events, wanted["events"]):
                if not one["time"] and truth.begin <= event["time"] <= truth.end:
                    event["time"] = 0
        if events != wanted["events"]:
            wrong.append("events: %r, not %r" % (got["events"], wanted["events"]))
    if "resource" not in without:
        wrong += resource_differences(truth.resource, got["resource"])
    if "resource_schema" not in without and got["resource_schema"] != RESOURCE_SCHEMA:
        wrong.append("resource_schema: %r" % got["resource_schema"])
    return wrong


def differences(truth, spans, compare=span_differences, **options):
    """Each span once, each as it was recorded."""
    wrong, seen = [], set()
    for got in spans:
        wanted = truth.spans.get(got["span_id"])
        if wanted is None:
            wrong.append("span %s was never recorded" % got["span_id"])
        elif got["span_id"] in seen:
            wrong.append("span %s came twice" % got["span_id"])
        else:
            seen.add(got["span_id"])
            wrong += ["span %s: %s" % (got["span_id"], one) for one in compare(truth, wanted, got, **options)]
    return wrong + ["span %s is missing" % span_id for span_id in truth.spans if span_id not in seen]


# ---- Zipkin, and what the Collector's receiver makes of it -------------------------------------------------------------

def zipkin_spans(trace):
    for span in trace:
        yield dict(span, span_id=span["id"])


def says(check, text, described):
    """The oracle's checks expect the form they compare with."""
    try:
        return check(text, described)
    except (ValueError, TypeError):
        return False


def in_microseconds(truth, wanted, start, end):
    if wanted["start"]:
        good = start == wanted["start"] // 1000 and end == start + max(1, (wanted["end"] - wanted["start"]) // 1000)
    else:
        good = truth.begin // 1000 <= start < end <= truth.end // 1000 + 1
    return [] if good else ["times %d to %d us, not %d to %d ns" % (start, end, wanted["start"], wanted["end"])]


def zipkin_differences(truth, wanted, got):
    """The server lowers names, sorts annotations and forgets repeated ones; tags are a map."""
    d = truth.described[wanted["span_id"]]
    start = got.get("timestamp", 0)
    wrong = in_microseconds(truth, wanted, start, start + got.get("duration", 0))
    expected = {"traceId": wanted["trace_id"], "parentId": wanted["parent"] or None, "kind": zipkin_oracle.KINDS.get(wanted["kind"]),
                "name": wanted["name"].lower() or None, "localEndpoint": {"serviceName": truth.resource["service.name"][1].lower()}}
    remote = zipkin_oracle.remote_of(d)
    if remote and remote[0][0] == "serviceName":
        remote = [("serviceName", remote[0][1].lower())]
    elif remote and remote[0][0] == "ipv6":
        remote = [("ipv6", got.get("remoteEndpoint", {}).get("ipv6"))] + remote[1:]      # written in its own way
    expected["remoteEndpoint"] = dict(remote) if remote else None
    wrong += ["%s: %r, not %r" % (key, got.get(key), value) for key, value in expected.items() if got.get(key) != value]
    theirs, ours = zipkin_oracle.tags_of(truth.batch, d)
    tags = got.get("tags", {})
    wrong += ["tag %r: %r, not %r" % (key, tags.get(key), v) for key, v in theirs if key not in tags or not says(zipkin_oracle.tag_is, tags[key], v)]
    wrong += ["tag %r: %r, not %r" % (key, tags.get(key), value) for key, value in ours if tags.get(key) != value]
    wrong += ["tag %r: nobody set it" % key for key in tags if key not in dict(theirs) and key not in dict(ours)]
    annotations = got.get("annotations", [])
    for event in d["events"]:
        if not any((one["timestamp"] == int(event["time"]) // 1000 or (event["time"] == "0" and truth.begin <= one["timestamp"] * 1000 <= truth.end)) and
                   says(zipkin_oracle.annotation_is, one["value"], event) for one in annotations):
            wrong.append("no annotation for %r in %r" % (event, annotations))
    if len(annotations) > len(d["events"]):
        wrong.append("more annotations than events")
    return wrong


def receiver_differences(truth, wanted, got):
    """What comes out of the Collector when Zipkin JSON goes in: texts instead of typed values, microseconds, no links."""
    d = truth.described[wanted["span_id"]]
    wrong = in_microseconds(truth, wanted, got["start"] // 1000, got["end"] // 1000)
    wrong += ["%s: %r, not %r" % (key, got[key], wanted[key]) for key in ("trace_id", "parent", "name") if got[key] != wanted[key]]
    if got["kind"] != (wanted["kind"] if wanted["kind"] != 1 else 0):
        wrong.append("kind: %r, not %r" % (got["kind"], wanted["kind"]))
    theirs, ours = zipkin_oracle.tags_of(truth.batch, d)
    error = "error" in dict(theirs) or "error" in dict(ours)
    if got["status"] != (2 if error else 0, ""):      # it knows no OK, and leaves the message in the tag
        wrong.append("status: %r, not %r" % (got["status"], wanted["status"]))
    if got["resource"].get("service.name") != truth.resource["service.name"]:
        wrong.append("service.name: %r" % (got["resource"].get("service.name"),))
    if got["scope"][0] != wanted["scope"][0]:
        wrong.append("scope: %r, not %r" % (got["scope"], wanted["scope"]))
    consumed = ("service.name", "otel.status_code", "otel.scope.name", "otel.scope.version", "otel.library.version", "otel.library.name", "peer.service")
    for key, v in theirs + [(key, ("string", text.encode().hex())) for key, text in ours]:
        text_got = got["attributes"].get(key, ("", "true" if key == "error" else None))[1]
        if key not in consumed and not says(zipkin_oracle.tag_is, text_got, v):
            wrong.append("attribute %r: %r, not %r" % (key, text_got, v))
    if len(got["events"]) != len(wanted["events"]):
        wrong.append("%d events, not %d" % (len(got["events"]), len(wanted["events"])))
    return wrong


# ---- Jaeger ------------------------------------------------------------------------------------------------------------

def jaeger_differences(truth, wanted, got):
    """It adds warnings, makes a duration of 0 one of 1 ns, sorts events and forgets the schema URLs of scope and resource."""
    order = lambda event: (event["name"], repr(sorted(event["attributes"].items())))
    got, wanted = dict(got), dict(wanted)
    got["attributes"] = {key: value for key, value in got["attributes"].items() if key != "@jaeger@warnings"}
    if wanted["start"] and wanted["start"] == wanted["end"]:
        wanted["end"] += 1
    got["events"], wanted["events"] = sorted(got["events"], key=order), sorted(wanted["events"], key=order)
    got["scope"], wanted["scope"] = got["scope"][:2], wanted["scope"][:2]
    return span_differences(truth, wanted, got, without=("resource_schema",))


def thrift_value(v):
    """Arrays as JSON, which is compared by its content; null as an empty text."""
    return ("string", "") if v[0] == "null" else ("json", v) if v[0] == "array" else recorded_value(v)


def thrift_attributes_differ(pairs, got):
    wanted = {text(key): thrift_value(value) for key, value in pairs}
    is_it = lambda one, other: other[0] == "string" and zipkin_oracle.same(zipkin_oracle.pairs_of(other[1]), zipkin_oracle.as_json(one[1]))
    return (["%r: %r, not %r" % (key, got.get(key), value) for key, value in wanted.items()
             if not (key in got and says(is_it, value, got[key]) if value[0] == "json" else got.get(key) == value)] +
            ["%r: nobody set it" % key for key in got if key not in wanted])


def thrift_event_differences(truth, event, got):
    time = int(event["time"]) // 1000 * 1000
    wrong = ["event's " + what for what in thrift_attributes_differ(event["attributes"], got["attributes"])]
    if got["name"] != text(event["name"]) or (got["time"] != time if time else not truth.begin <= got["time"] <= truth.end):
        wrong.append("event: %r, not %r" % (got, event))
    return wrong


def thrift_differences(truth, wanted, got, jaeger=False):
    """What comes out of the Collector's jaeger receiver: whole microseconds; the scope as attributes; status and kind made of tags,
    where a true attribute `error` is an error. Jaeger itself forgets the sampled flag, sorts events, and knows no duration of 0."""
    d, scope = truth.described[wanted["span_id"]], truth.batch["scopes"][truth.described[wanted["span_id"]]["scope"]]
    failed = wanted["status"][0] == 2 or wanted["attributes"].get("error") == ("bool", True)
    names = [("otel.%s.%s" % (one, what), scope[part]) for part, what in enumerate(("name", "version")) for one in ("scope", "library") if scope[part]]
    attributes = [(key, v) for key, v in d["attributes"] if not (failed and text(key) == "error")]
    attributes += [(name.encode().hex(), ("string", content)) for name, content in names]
    links = [{"trace_id": l["trace_id"], "span_id": l["span_id"], "flags": 0, "trace_state": "", "dropped": 0,
              "attributes": {"opentracing.ref_type": ("string", "follows_from")}} for l in wanted["links"]]
    expected = {"trace_id": wanted["trace_id"], "parent": wanted["parent"], "name": wanted["name"], "kind": wanted["kind"] if wanted["kind"] > 1 else 0,
                "flags": 0 if jaeger else wanted["flags"] & 1, "trace_state": "", "dropped": [0, 0, 0], "links": links, "scope": ("", "", ""),
                "status": (2, wanted["status"][1]) if failed else (wanted["status"][0], "")}
    wrong = ["%s: %r, not %r" % (key, got[key], value) for key, value in expected.items() if got[key] != value]
    wrong += ["attribute " + one for one in thrift_attributes_differ(attributes, {key: v for key, v in got["attributes"].items() if key != "@jaeger@warnings"})]
    start, length = wanted["start"] // 1000 * 1000, (wanted["end"] - wanted["start"]) // 1000 * 1000
    whole = dict(wanted, start=start, end=start + (length or jaeger)) if wanted["start"] else wanted
    wrong += time_differences(truth, whole, got)
    left = list(got["events"])
    for event in d["events"]:
        differ = [thrift_event_differences(truth, event, one) for one in left]
        at = 0 if not jaeger or [] not in differ else differ.index([])      # Jaeger sorts them
        wrong += differ[at] if differ else ["no event for %r" % event]
        del left[at:at + 1]
    wrong += ["event: %r: nobody added it" % one for one in left]
    return wrong + resource_differences(truth.resource, got["resource"])


def old_jaeger_differences(truth, wanted, got):
    """Ids, parent, name, times, service."""
    start = got["startTime"]
    wrong = [] if not wanted["start"] or start == wanted["start"] // 1000 else ["start: %d us, not %d ns" % (start, wanted["start"])]
    parents = [one["spanID"] for one in got["references"] if one["refType"] == "CHILD_OF"]
    if (wanted["parent"] or None) != (parents[0] if parents else None):
        wrong.append("parent: %r, not %r" % (parents, wanted["parent"]))
    for name, one, other in (("trace", got["traceID"], wanted["trace_id"]), ("name", got["operationName"], wanted["name"]),
                             ("service", got["process"]["serviceName"], truth.resource["service.name"][1]), ("logs", len(got["logs"]), len(wanted["events"]))):
        if one != other:
            wrong.append("%s: %r, not %r" % (name, one, other))
    return wrong


# ---- Phoenix and Agent Lightning: a part of each span, values as JSON has them -------------------------------------------

STATUS = ("UNSET", "OK", "ERROR")


def near(nanoseconds, truth, got_us):
    return abs(nanoseconds // 1000 - got_us) <= 1 if nanoseconds else truth.begin <= got_us * 1000 <= truth.end


def microseconds(time):
    """Of an ISO date, or of seconds as a floating-point number."""
    moment = datetime.datetime.fromisoformat(time) if isinstance(time, str) else datetime.datetime.fromtimestamp(time, datetime.timezone.utc)
    return (moment - datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)) // datetime.timedelta(microseconds=1)


def plain_differences(truth, wanted, got, status, message, times):
    wrong = ["%s: %r, not %r" % (what, one, other) for what, one, other in (
        ("trace", got["context"]["trace_id"], wanted["trace_id"]), ("parent", got["parent_id"] or "", wanted["parent"]), ("name", got["name"], wanted["name"]),
        ("status", status, STATUS[wanted["status"][0]]), ("message", message or "", wanted["status"][1]),
        ("attributes", got["attributes"], {key: value[1] for key, value in wanted["attributes"].items()})) if one != other]
    for what, time in zip(("start", "end"), times):
        if not near(wanted[what], truth, time):
            wrong.append("%s: %d us, not %d ns" % (what, time, wanted[what]))
    return wrong + ([] if len(got["events"]) == len(wanted["events"]) else ["%d events, not %d" % (len(got["events"]), len(wanted["events"]))])


def phoenix_differences(truth, wanted, got):
    wrong = plain_differences(truth, wanted, got, got["status_code"], got["status_message"], (microseconds(got["start_time"]), microseconds(got["end_time"])))
    for one, other in zip(got["events"], wanted["events"]):
        if one["name"] != other["name"] or not near(other["time"], truth, microseconds(one["timestamp"])):
            wrong.append("event: %r, not %r" % (one, other))
    return wrong


def agl_differences(truth, wanted, got):
    wrong = plain_differences(truth, wanted, got, got["status"]["status_code"], got["status"]["description"],
                              (microseconds(got["start_time"]), microseconds(got["end_time"])))
    for one, other in zip(got["events"], wanted["events"]):
        if (one["name"] != other["name"] or one["attributes"] != {key: value[1] for key, value in other["attributes"].items()} or
                not near(other["time"], truth, microseconds(one["timestamp"]))):
            wrong.append("event: %r, not %r" % (one, other))
    resource = {key: (value[0], value[1]) for key, value in truth.resource.items()}
    for key, value in resource.items():
        content = struct.unpack(">d", bytes.fromhex(value[1]))[0] if value[0] == "double" else value[1]
        if got["resource"]["attributes"].get(key) != content:
            wrong.append("resource %r: %r, not %r" % (key, got["resource"]["attributes"].get(key), content))
    return wrong
