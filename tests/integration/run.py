#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors
"""Sends a corpus to real backends, reads it back through their own interfaces and compares every field.

run.py [all] [backend ...]      collector and zipkin by default; all: jaeger, phoenix and agl as well
ONLY="word ..." picks cases. CC, SEED. Ends with "N passed, N failed"."""
import gzip, http.server, json, os, subprocess, sys, threading, time, traceback

import backends, compare, install
from backends import NotReady, get, get_json, until

ROOT = install.ROOT
OUT = os.path.join(ROOT, "build", "integration")
SERVICE = "sh\u00f6p \"1\""
SEED = int(os.environ.get("SEED", "1"))
counts = {"passed": 0, "failed": 0, "runs": 0}


def build(name, *flags):
    """emit, in one of its two builds: own sockets alone, or with libcurl and zlib."""
    program = os.path.join(OUT, name)
    subprocess.run([os.environ.get("CC", "cc"), "-std=gnu11", "-g", "-O1", "-Wall", "-Wextra", "-fsanitize=address,undefined", "-fno-sanitize-recover=undefined",
                    os.path.join(ROOT, "tests", "integration", "emit.c"), "-o", program, "-pthread", *flags], check=True)
    return program


def environment(**variables):
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("OTEL_", "OTLP_", "EMIT_")) and not key.lower().endswith("_proxy")}
    return dict(clean, OTEL_SERVICE_NAME=SERVICE, **variables)


def emit(program, spans=300, resource=(), **variables):
    """Runs emit; what it recorded, its ledger and its log."""
    path = os.path.join(OUT, "truth.jsonl")
    counts["runs"] += 1      # another corpus each time: trace ids of remote parents are made from the seed
    done = subprocess.run([program, path, str(spans), str(SEED * 1000 + counts["runs"]), *resource], env=environment(**variables), stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=120)
    if done.returncode:
        raise NotReady("emit ended with %d: %s" % (done.returncode, done.stderr[-2000:]))
    ledger = json.loads(done.stdout)
    ledger["log"] = done.stderr
    return compare.Truth(path, SERVICE), ledger


def ledger_wrong(ledger, spans):
    """Everything was sent, and the ledgers say so."""
    wrong = ["%s is %r, not %r" % (key, ledger[key], value)
             for key, value in (("flush", "ok"), ("ended", spans), ("exported", spans), ("received", spans), ("sent", spans), ("dropped", 0), ("pending", 0),
                                ("queued", 0), ("truncated", 0), ("failed", [0] * 6), ("log", "")) if ledger[key] != value]
    return wrong


def case(name, function):
    only = os.environ.get("ONLY", "").split()
    if only and not any(word in name for word in only):
        return
    started = time.monotonic()
    try:
        wrong = function()
    except Exception as error:      # one broken case shall not hide the next
        wrong = ["%s: %s" % (type(error).__name__, error)]
        if not isinstance(error, NotReady):
            wrong.append(traceback.format_exc())
    counts["failed" if wrong else "passed"] += 1
    print("%s %s (%.1f s)" % ("FAILED" if wrong else "ok    ", name, time.monotonic() - started), flush=True)
    for line in wrong[:8]:
        print("       " + line[:1200])
    if len(wrong) > 8:
        print("       and %d more" % (len(wrong) - 8), flush=True)


# ---- the comparison itself --------------------------------------------------------------------------------------------

def notices(truth, spans, **options):
    """Spoils one field at a time in what came back: every time the comparison must see it."""
    span = next(one for one in spans if one["events"] and one["links"] and one["attributes"] and one["parent"] and truth.spans[one["span_id"]]["start"])
    key = next(iter(span["attributes"]))
    spoiled = {
        "a flag": dict(span, flags=span["flags"] ^ 0x200), "the parent": dict(span, parent="00" * 8), "a time": dict(span, start=span["start"] + 1),
        "the kind": dict(span, kind=span["kind"] % 5 + 1), "the name": dict(span, name=span["name"] + " "),
        "an attribute": dict(span, attributes=dict(span["attributes"], **{key: ("string", "?")})),
        "one more attribute": dict(span, attributes=dict(span["attributes"], more=("null",))),
        "an event": dict(span, events=[dict(span["events"][0], time=1)] + span["events"][1:]), "an event less": dict(span, events=span["events"][1:]),
        "a link": dict(span, links=[dict(span["links"][0], span_id="1" * 16)] + span["links"][1:]), "the status": dict(span, status=(2, "?")),
        "the scope": dict(span, scope=("?", "", "")), "the resource": dict(span, resource=dict(span["resource"], bool=("bool", False))),
        "the resource's own": dict(span, resource=dict(span["resource"], more=("null",))), "trace state": dict(span, trace_state="a=c"),
        "dropped counts": dict(span, dropped=[0, 0, 1]), "the trace": dict(span, trace_id="1" * 32)}
    others = [one for one in spans if one is not span]
    wrong = [what + " spoiled, not noticed" for what, bad in spoiled.items() if not compare.differences(truth, others + [bad], **options)]
    wrong += [] if compare.differences(truth, others, **options) else ["a span less, not noticed"]
    return wrong + ([] if compare.differences(truth, spans + [span], **options) else ["a span twice, not noticed"])


def zipkin_notices(truth, spans):
    span = next(one for one in spans if one.get("annotations") and one.get("tags") and one.get("parentId") and one.get("kind"))
    key = next(iter(span["tags"]))
    spoiled = {
        "the parent": dict(span, parentId="1" * 16), "the trace": dict(span, traceId="1" * 32), "the time": dict(span, timestamp=1),
        "the duration": dict(span, duration=0), "the kind": dict(span, kind="?"), "the name": dict(span, name="?"),
        "a tag": dict(span, tags=dict(span["tags"], **{key: "?!"})), "one more tag": dict(span, tags=dict(span["tags"], more="")),
        "an annotation": dict(span, annotations=[dict(span["annotations"][0], value="?")] + span["annotations"][1:]),
        "its time": dict(span, annotations=[dict(span["annotations"][0], timestamp=1)] + span["annotations"][1:]),
        "the service": dict(span, localEndpoint={}), "the other service": dict(span, remoteEndpoint={"serviceName": "?"})}
    others = [one for one in spans if one is not span]
    return [what + " spoiled, not noticed" for what, bad in spoiled.items() if not compare.differences(truth, others + [bad], compare.zipkin_differences)]


# ---- the wire ---------------------------------------------------------------------------------------------------------

def wire(program, zipped, **variables):
    """What a server is really sent: headers, and a body that is compressed when that was asked for, and only then."""
    requests = []

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            requests.append((self.path, dict(self.headers), self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *arguments):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        truth, ledger = emit(program, OTEL_TRACES_EXPORTER="otlp", OTEL_EXPORTER_OTLP_PROTOCOL="http/json",
                             OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:%d" % server.server_address[1], OTEL_EXPORTER_OTLP_HEADERS="x-tenant=a%20b", **variables)
    finally:
        server.shutdown()
        server.server_close()
    wrong, spans = ledger_wrong(ledger, len(truth.spans)), []
    for path, headers, body in requests:
        for name, value in (("Content-Type", "application/json"), ("X-Tenant", "a b"), ("Content-Encoding", "gzip" if zipped else None)):
            found = next((headers[key] for key in headers if key.lower() == name.lower()), None)
            if found != value:
                wrong.append("%s: %r, not %r" % (name, found, value))
        if path != "/v1/traces" or not headers.get("User-Agent", "").startswith("OTel-OTLP-Exporter-"):
            wrong.append("%s by %r" % (path, headers.get("User-Agent")))
        spans += compare.otlp_spans(json.loads(gzip.decompress(body) if zipped else body, parse_int=backends.minus_zero))
    return wrong + compare.differences(truth, spans)


def run_wire(_, programs):
    case("wire, plain", lambda: wire(programs["plain"], False))
    case("wire, gzip", lambda: wire(programs["curl"], True, OTEL_EXPORTER_OTLP_COMPRESSION="gzip"))


# ---- OpenTelemetry Collector ------------------------------------------------------------------------------------------

def otlp_to_collector(collector, program, **variables):
    before = len(collector.lines())
    truth, ledger = emit(program, OTEL_TRACES_EXPORTER="otlp", **variables)
    spans = [span for line in collector.lines()[before:] for span in compare.otlp_spans(line)]
    wrong = ledger_wrong(ledger, len(truth.spans)) + compare.differences(truth, spans)
    return wrong or notices(truth, spans)


def refused(collector, program, hint, **variables):
    """Nothing gets through, the ledger says so, and the log says why."""
    before = len(collector.lines())
    truth, ledger = emit(program, spans=5, OTEL_TRACES_EXPORTER="otlp", OTEL_EXPORTER_OTLP_TIMEOUT="1000", **variables)
    wrong = [] if ledger["sent"] == 0 and sum(ledger["failed"]) == ledger["received"] == 5 and ledger["queued"] == 0 else ["the ledger: %r" % ledger]
    if hint not in ledger["log"]:
        wrong.append("the log does not say %r: %s" % (hint, ledger["log"]))
    return wrong + (["something came through"] if len(collector.lines()) != before else [])


def zipkin_to_collector(collector, program):
    """Its Zipkin receiver turns tags into attributes, all of them strings, and annotations into events."""
    before = len(collector.lines())
    truth, ledger = emit(program, OTEL_TRACES_EXPORTER="zipkin", OTEL_EXPORTER_ZIPKIN_ENDPOINT=collector.url("ZIPKIN", "/api/v2/spans"), EMIT_FOREIGN="1")
    spans = [span for line in collector.lines()[before:] for span in compare.otlp_spans(line)]
    return ledger_wrong(ledger, len(truth.spans)) + compare.differences(truth, spans, compare.receiver_differences)


THRIFT = ("http/thrift.binary", "udp/thrift.compact", "udp/thrift.binary")


def thrift_environment(backend, protocol):
    udp = {"OTEL_EXPORTER_JAEGER_AGENT_HOST": "127.0.0.1", "OTEL_EXPORTER_JAEGER_AGENT_PORT": str(backend.ports["COMPACT" if "compact" in protocol else "BINARY"])}
    http = {"OTEL_EXPORTER_JAEGER_ENDPOINT": backend.url("THRIFT", "/api/traces")}
    return dict(udp if protocol.startswith("udp") else http, OTEL_TRACES_EXPORTER="jaeger", OTEL_EXPORTER_JAEGER_PROTOCOL=protocol, EMIT_FOREIGN="1")


def thrift_rounds(protocol):
    """Packets arrive when the kernel has room for them: few at a time, and nobody says that they did."""
    return [40] * 8 if protocol.startswith("udp") else [300]


def thrift_to_collector(collector, program, protocol):
    wrong = []
    for count in thrift_rounds(protocol):
        before = len(collector.lines())
        truth, ledger = emit(program, count, **thrift_environment(collector, protocol))
        read = lambda: [span for line in collector.lines()[before:] for span in compare.otlp_spans(line)]
        until(lambda: len(read()) >= count, 10, "%d spans to arrive" % count)
        wrong += ledger_wrong(ledger, count) + compare.differences(truth, read(), compare.thrift_differences)
    return wrong or (notices(truth, read(), compare=compare.thrift_differences) if count >= 300 else [])


# ---- kill -9 ----------------------------------------------------------------------------------------------------------

def ids_of(line):
    return [span["spanId"] for one in line.get("resourceSpans", []) for two in one["scopeSpans"] for span in two["spans"]]


def killed(collector, program, **variables):
    """The Collector dies and comes back while four threads record. Each batch it has answered is in its file, so:
    what the ledger calls sent is in the file, and what is in the file beyond that was taken but not answered when the process
    died: at most the one batch on its way, which may also be there twice, when a retry met the new process."""
    path = os.path.join(OUT, "steady.ids")
    before = len(collector.lines())
    settings = environment(OTEL_TRACES_EXPORTER="otlp", OTEL_EXPORTER_OTLP_TIMEOUT="300", OTEL_BSP_SCHEDULE_DELAY="10", OTEL_BSP_MAX_QUEUE_SIZE="4096",
                           OTEL_BSP_MAX_EXPORT_BATCH_SIZE="256", **variables)
    steady = subprocess.Popen([program, "steady", path, "4"], env=settings, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              preexec_fn=backends.die_with_parent)

    def ledger():
        steady.stdin.write("?\n")
        steady.stdin.flush()
        return json.loads(steady.stdout.readline())

    try:
        until(lambda: len(collector.lines()) > before + 20, 20, "spans to arrive")
        collector.kill()
        dead_at = len(collector.lines())
        until(lambda: sum(ledger()["failed"]) > 2000, 20, "spans to be lost")
        collector.start()
        sent = ledger()["sent"]
        until(lambda: ledger()["sent"] > sent + 2000, 20, "spans to arrive again")
        collector.kill()
        dead_again_at = len(collector.lines())
        collector.start()
        sent = ledger()["sent"]
        until(lambda: ledger()["sent"] > sent + 2000, 20, "spans to arrive once more")
        output, log = steady.communicate(timeout=60)
    finally:
        steady.kill()
        steady.wait()
    end = json.loads(output.splitlines()[-1])
    with open(path) as file:
        recorded = file.read().split()
    lines = [ids_of(line) for line in collector.lines()[before:]]
    found = [span_id for line in lines for span_id in line]
    distinct, failed = set(found), sum(end["failed"])
    unanswered = sum(len(lines[at - before - 1]) for at in (dead_at, dead_again_at))
    wrong = []
    for what, good in (("recorded == ended", len(recorded) == end["ended"]), ("ended == exported", end["ended"] == end["exported"]),
                       ("exported == received", end["exported"] == end["received"]), ("nothing pending, queued or dropped", end["pending"] + end["queued"] + end["dropped"] == 0),
                       ("received == sent + failed", end["received"] == end["sent"] + failed), ("some were lost, some sent", failed and end["sent"]),
                       ("flush told of it", end["flush"] == "spans were lost" or end["flush"] != "ok"), ("only what was recorded arrived", distinct <= set(recorded)),
                       ("sent <= in the file", end["sent"] <= len(distinct)),
                       ("beyond sent, only the batches on their way when it died", len(distinct) - end["sent"] <= unanswered),
                       ("twice, only the same", len(found) - len(distinct) <= unanswered),
                       ("no thread waited while it recorded", end["switches"] <= 16 + end["ended"] // 6400)):      # a page's first touch may
        if not good:
            wrong.append(what)
    print("       %d recorded, %d sent, %d lost; in the file %d, %d of them twice; unanswered when it died: up to %d; waits: %d"
          % (len(recorded), end["sent"], failed, len(distinct), len(found) - len(distinct), unanswered, end["switches"]))
    return wrong and wrong + [str(end), log]


def run_collector(program, programs):
    tls = subprocess.Popen([sys.executable, "-B", os.path.join(ROOT, "tests", "tools", "tls_server.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                           text=True, preexec_fn=backends.die_with_parent)
    folder = tls.stdout.readline().split()[0]
    collector = backends.Collector(program, folder)
    try:
        collector.start()
        for protocol in ("http/json", "http/protobuf", "grpc"):
            for compression in ("none", "gzip"):
                for build_name, emit_program in programs.items():
                    if build_name == "plain" and (protocol == "grpc" or compression == "gzip"):
                        continue
                    port = "GRPC" if protocol == "grpc" else "HTTP"
                    case("collector %s %s %s" % (protocol, compression, build_name),
                         lambda: otlp_to_collector(collector, emit_program, OTEL_EXPORTER_OTLP_PROTOCOL=protocol, OTEL_EXPORTER_OTLP_COMPRESSION=compression,
                                                   OTEL_EXPORTER_OTLP_ENDPOINT=collector.url(port)))
        curl, ca = programs["curl"], {"OTEL_EXPORTER_OTLP_CERTIFICATE": os.path.join(folder, "ca.pem")}
        client = {"OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": os.path.join(folder, "client.pem"),
                  "OTEL_EXPORTER_OTLP_CLIENT_KEY": os.path.join(folder, "client.key")}
        https, grpcs = "https://localhost:%d" % collector.ports["HTTP_TLS"], "https://localhost:%d" % collector.ports["GRPC_TLS"]
        case("collector https", lambda: otlp_to_collector(collector, curl, OTEL_EXPORTER_OTLP_ENDPOINT=https, **ca))
        case("collector https gzip json", lambda: otlp_to_collector(collector, curl, OTEL_EXPORTER_OTLP_ENDPOINT=https, OTEL_EXPORTER_OTLP_COMPRESSION="gzip",
                                                                    OTEL_EXPORTER_OTLP_PROTOCOL="http/json", **ca))
        case("collector https, unknown authority", lambda: refused(collector, curl, "certificate", OTEL_EXPORTER_OTLP_ENDPOINT=https))
        case("collector https, wrong host", lambda: refused(collector, curl, "certificate", OTEL_EXPORTER_OTLP_ENDPOINT=https.replace("localhost", "127.0.0.1"), **ca))
        grpc = {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_EXPORTER_OTLP_ENDPOINT": grpcs}
        case("collector grpc tls with a client certificate", lambda: otlp_to_collector(collector, curl, **grpc, **ca, **client))
        case("collector grpc tls, no client certificate", lambda: refused(collector, curl, "", **grpc, **ca))
        case("collector grpc tls, unknown authority", lambda: refused(collector, curl, "certificate", **grpc, **client))
        for build_name, emit_program in programs.items():
            case("collector zipkin json " + build_name, lambda: zipkin_to_collector(collector, emit_program))
        for protocol in THRIFT:
            for build_name, emit_program in programs.items():
                if build_name == "plain" or protocol.startswith("http"):
                    case("collector jaeger %s %s" % (protocol, build_name), lambda: thrift_to_collector(collector, emit_program, protocol))
        case("collector killed, http/protobuf", lambda: killed(collector, programs["plain"], OTEL_EXPORTER_OTLP_ENDPOINT=collector.url("HTTP")))
        case("collector killed, grpc", lambda: killed(collector, curl, OTEL_EXPORTER_OTLP_PROTOCOL="grpc", OTEL_EXPORTER_OTLP_ENDPOINT=collector.url("GRPC")))
    finally:
        collector.stop()
        tls.stdin.close()
        tls.wait()


# ---- Zipkin ------------------------------------------------------------------------------------------------------------

def zipkin_case(program, post, read, **variables):
    truth, ledger = emit(program, OTEL_TRACES_EXPORTER="zipkin", OTEL_EXPORTER_ZIPKIN_ENDPOINT=post, **variables)
    spans = [span for trace_id in {span["trace_id"] for span in truth.spans.values()} for span in compare.zipkin_spans(get_json(read + trace_id) or [])]
    wrong = ledger_wrong(ledger, len(truth.spans)) + compare.differences(truth, spans, compare.zipkin_differences)
    return wrong or zipkin_notices(truth, spans)


def run_zipkin(program, programs):
    zipkin = backends.Zipkin(program)
    try:
        zipkin.start()
        for build_name, emit_program in programs.items():
            case("zipkin json " + build_name, lambda: zipkin_case(emit_program, zipkin.url("HTTP", "/api/v2/spans"), zipkin.url("HTTP", "/api/v2/trace/")))
    finally:
        zipkin.stop()


# ---- Jaeger ------------------------------------------------------------------------------------------------------------

def read_jaeger(jaeger, truth):
    """Both of its interfaces: OTLP as stored, and the older form, which fails where a number is not finite; and what was wrong."""
    spans, old, wrong = [], [], []
    for trace_id in {span["trace_id"] for span in truth.spans.values()}:
        answer = until(lambda: get_json(jaeger.url("QUERY", "/api/v3/traces/" + trace_id)), 10, "trace " + trace_id)
        spans += compare.otlp_spans(answer["result"])
        status, body = get(jaeger.url("QUERY", "/api/traces/" + trace_id))
        if status == 200:
            old += [dict(span, span_id=span["spanID"], process=trace["processes"][span["processID"]])
                    for trace in json.loads(body)["data"] for span in trace["spans"]]
        elif b"unsupported value" not in body:
            wrong.append("/api/traces answered %d: %r" % (status, body[:200]))
    for one in old:
        if one["span_id"] in truth.spans:
            wrong += ["span %s, old form: %s" % (one["span_id"], what) for what in compare.old_jaeger_differences(truth, truth.spans[one["span_id"]], one)]
    return spans, wrong, len(old)


def otlp_to_jaeger(jaeger, program, **variables):
    truth, ledger = emit(program, OTEL_TRACES_EXPORTER="otlp", **variables)
    spans, wrong, old = read_jaeger(jaeger, truth)
    if "EMIT_PLAIN" in variables and old != len(truth.spans):
        wrong.append("%d spans in the older form" % old)
    return wrong + ledger_wrong(ledger, len(truth.spans)) + compare.differences(truth, spans, compare.jaeger_differences)


def zipkin_to_jaeger(jaeger, program):
    truth, ledger = emit(program, OTEL_TRACES_EXPORTER="zipkin", OTEL_EXPORTER_ZIPKIN_ENDPOINT=jaeger.url("ZIPKIN", "/api/v2/spans"), EMIT_FOREIGN="1")
    spans, _, _ = read_jaeger(jaeger, truth)
    return ledger_wrong(ledger, len(truth.spans)) + compare.differences(truth, spans, compare.receiver_differences)


def thrift_to_jaeger(jaeger, program, protocol):
    wrong = []
    for count in thrift_rounds(protocol):
        truth, ledger = emit(program, count, **thrift_environment(jaeger, protocol))
        ids = {span["trace_id"] for span in truth.spans.values()}
        until(lambda: sum(len(list(compare.otlp_spans((get_json(jaeger.url("QUERY", "/api/v3/traces/" + one)) or {"result": {}})["result"]))) for one in ids) >= count,
              10, "%d spans to arrive" % count)
        spans, old_wrong, _ = read_jaeger(jaeger, truth)
        wrong += old_wrong + ledger_wrong(ledger, count) + compare.differences(truth, spans, compare.thrift_differences, jaeger=True)
    return wrong or (notices(truth, spans, compare=compare.thrift_differences, jaeger=True) if count >= 300 else [])


def run_jaeger(program, programs):
    jaeger = backends.Jaeger(program)
    try:
        jaeger.start()
        for protocol, compression, build_name in (("http/json", "none", "plain"), ("http/json", "gzip", "curl"), ("http/protobuf", "none", "plain"),
                                                  ("http/protobuf", "gzip", "curl"), ("grpc", "none", "curl"), ("grpc", "gzip", "curl")):
            case("jaeger %s %s" % (protocol, compression), lambda: otlp_to_jaeger(
                jaeger, programs[build_name], OTEL_EXPORTER_OTLP_PROTOCOL=protocol, OTEL_EXPORTER_OTLP_COMPRESSION=compression,
                OTEL_EXPORTER_OTLP_ENDPOINT=jaeger.url("GRPC" if protocol == "grpc" else "HTTP")))
        case("jaeger, older interface", lambda: otlp_to_jaeger(jaeger, programs["plain"], EMIT_PLAIN="1", OTEL_EXPORTER_OTLP_ENDPOINT=jaeger.url("HTTP")))
        for protocol in THRIFT:
            case("jaeger " + protocol, lambda: thrift_to_jaeger(jaeger, programs["plain"], protocol))
        case("jaeger zipkin json", lambda: zipkin_to_jaeger(jaeger, programs["plain"]))
    finally:
        jaeger.stop()


# ---- Phoenix -----------------------------------------------------------------------------------------------------------

def otlp_to_phoenix(phoenix, program, **variables):
    truth, ledger = emit(program, spans=100, EMIT_PLAIN="1", OTEL_TRACES_EXPORTER="otlp", **variables)

    def read():
        spans = []
        for trace_id in {span["trace_id"] for span in truth.spans.values()}:
            cursor = ""
            while cursor is not None:
                page = get_json(phoenix.url("HTTP", "/v1/projects/default/spans?limit=1000&trace_id=%s%s" % (trace_id, cursor))) or {"data": []}
                spans += [dict(span, span_id=span["context"]["span_id"]) for span in page["data"]]
                cursor = "&cursor=" + page["next_cursor"] if page.get("next_cursor") else None
        return spans if len(spans) >= len(truth.spans) else None

    return ledger_wrong(ledger, len(truth.spans)) + compare.differences(truth, until(read, 20, "the spans to be visible"), compare.phoenix_differences)


def rejected(program, status, **variables):
    """The backend does not take this protocol: counted, and said with what it answered."""
    _, ledger = emit(program, spans=10, OTEL_TRACES_EXPORTER="otlp", OTEL_EXPORTER_OTLP_PROTOCOL="http/json", **variables)
    wrong = [] if ledger["sent"] == 0 and ledger["failed"] == [0, 0, 10, 0, 0, 0] else ["the ledger: %r" % ledger]
    return wrong + ([] if " answered %d;" % status in ledger["log"] else ["the log: " + ledger["log"]])


def run_phoenix(program, programs):
    phoenix = backends.Phoenix(program)
    try:
        phoenix.start()
        http, grpc = phoenix.url("HTTP"), phoenix.url("GRPC")
        case("phoenix http/protobuf", lambda: otlp_to_phoenix(phoenix, programs["plain"], OTEL_EXPORTER_OTLP_ENDPOINT=http))
        case("phoenix http/protobuf gzip", lambda: otlp_to_phoenix(phoenix, programs["curl"], OTEL_EXPORTER_OTLP_ENDPOINT=http, OTEL_EXPORTER_OTLP_COMPRESSION="gzip"))
        case("phoenix grpc", lambda: otlp_to_phoenix(phoenix, programs["curl"], OTEL_EXPORTER_OTLP_ENDPOINT=grpc, OTEL_EXPORTER_OTLP_PROTOCOL="grpc"))
        case("phoenix takes no JSON", lambda: rejected(programs["plain"], 415, OTEL_EXPORTER_OTLP_ENDPOINT=http))
    finally:
        phoenix.stop()


# ---- Agent Lightning's store -------------------------------------------------------------------------------------------

def otlp_to_agl(agl, program, **variables):
    rollout = get_json(agl.url("HTTP", "/v1/agl/rollouts"), b'{"input":{}}')
    ids = rollout["rollout_id"], rollout["attempt"]["attempt_id"]
    truth, ledger = emit(program, 100, ["agentlightning.span_sequence_id=1"], EMIT_PLAIN="1", OTEL_TRACES_EXPORTER="otlp", OTEL_EXPORTER_OTLP_ENDPOINT=agl.url("HTTP"),
                         OTEL_RESOURCE_ATTRIBUTES="agentlightning.rollout_id=%s,agentlightning.attempt_id=%s" % ids, **variables)
    answer = get_json(agl.url("HTTP", "/v1/agl/spans?limit=-1&rollout_id=%s&attempt_id=%s" % ids))
    return ledger_wrong(ledger, len(truth.spans)) + compare.differences(truth, answer["items"], compare.agl_differences)


def run_agl(program, programs):
    agl = backends.AgentLightning(program)
    try:
        agl.start()
        case("agl http/protobuf", lambda: otlp_to_agl(agl, programs["plain"]))
        case("agl http/protobuf gzip", lambda: otlp_to_agl(agl, programs["curl"], OTEL_EXPORTER_OTLP_COMPRESSION="gzip"))
        case("agl takes no JSON", lambda: rejected(programs["plain"], 400, OTEL_EXPORTER_OTLP_ENDPOINT=agl.url("HTTP")))
    finally:
        agl.stop()


def main(arguments):
    names = [name for name in arguments if name != "all"] or (["collector", "zipkin", "jaeger", "phoenix", "agl"] if "all" in arguments else ["collector", "zipkin"])
    paths, problems = install.install_all(names)
    for problem in problems:
        print("FAILED to install " + problem)
        counts["failed"] += 1
    os.makedirs(OUT, exist_ok=True)
    programs = {"plain": build("emit"), "curl": build("emit_curl", "-DTRACE_HTTP_CURL", "-DTRACE_HTTP_ZLIB", "-lcurl", "-lz")}
    run_wire(None, programs)
    for name in names:
        if name in paths:
            try:
                globals()["run_" + name](paths[name], programs)
            except NotReady as error:
                print("FAILED " + str(error))
                counts["failed"] += 1
    print("%d passed, %d failed" % (counts["passed"], counts["failed"]))
    return 1 if counts["failed"] or not counts["passed"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
