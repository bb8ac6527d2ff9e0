#!/usr/bin/env python3
"""Decodes what the encoders wrote, strictly, and compares it with what was recorded, field by field.

SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors

oracle.py <folder>    what corpus.c writes
Needs opentelemetry-proto==1.45.2, protobuf==7.36.2 and thrift==0.22.0. The expected message is built from the description alone, with this file's own
reading of the specification; protobuf must equal its serialisation byte for byte, JSON must parse to the same message.
"""
import base64, json, re, struct, sys, zlib

from google.protobuf import json_format
from google.protobuf.unknown_fields import UnknownFieldSet
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

DEPTH_MAX = 32


class Wrong(Exception):
    pass


def need(condition, what):
    if not condition:
        raise Wrong(what)


def text(hexadecimal):
    return bytes.fromhex(hexadecimal).decode('utf-8', 'replace')


# ---- what is expected ---------------------------------------------------------------------------------------------

def fill_value(any_value, described, depth=0):
    kind = described[0]
    if kind in ('string', 'json'):
        any_value.string_value = text(described[1])
    elif kind == 'int':
        any_value.int_value = int(described[1])
    elif kind == 'double':
        any_value.double_value = struct.unpack('>d', bytes.fromhex(described[1]))[0]
    elif kind == 'bool':
        any_value.bool_value = described[1]
    elif kind == 'bytes':
        any_value.bytes_value = bytes.fromhex(described[1])
    elif kind == 'array' and depth < DEPTH_MAX:
        any_value.array_value.SetInParent()
        for item in described[1]:
            fill_value(any_value.array_value.values.add(), item, depth + 1)


def fill_attributes(target, described):
    for key, value in described:
        pair = target.add()
        pair.key = text(key)
        pair.value.SetInParent()
        fill_value(pair.value, value)


def fill_span(span, d):
    span.trace_id = bytes.fromhex(d['trace_id'])
    span.span_id = bytes.fromhex(d['span_id'])
    span.trace_state = text(d['trace_state'])
    if int(d['parent'], 16):
        span.parent_span_id = bytes.fromhex(d['parent'])
    span.flags = d['flags'] | 0x100 | (0x200 if d['remote'] else 0)
    span.name = text(d['name'])
    span.kind = d['kind']
    span.start_time_unix_nano = int(d['start'])
    span.end_time_unix_nano = int(d['end'])
    fill_attributes(span.attributes, d['attributes'])
    span.dropped_attributes_count, span.dropped_events_count, span.dropped_links_count = d['dropped']
    for e in d['events']:
        event = span.events.add()
        event.time_unix_nano = int(e['time'])
        event.name = text(e['name'])
        fill_attributes(event.attributes, e['attributes'])
        event.dropped_attributes_count = e['dropped']
    for l in d['links']:
        link = span.links.add()
        link.trace_id = bytes.fromhex(l['trace_id'])
        link.span_id = bytes.fromhex(l['span_id'])
        link.trace_state = text(l['trace_state'])
        link.flags = l['flags'] | 0x100 | (0x200 if l['remote'] else 0)
        fill_attributes(link.attributes, l['attributes'])
        link.dropped_attributes_count = l['dropped']
    if d['status'] or d['message']:
        span.status.code = d['status']
        span.status.message = text(d['message'])


def expected(batch):
    """Resources and scopes in order of appearance; scopes are told apart by content."""
    request = ExportTraceServiceRequest()
    resources, scopes = {}, {}
    for d in batch['spans']:
        described = batch['resources'][d['resource']]
        resource = resources.get(d['resource'])
        if resource is None:
            resource = resources[d['resource']] = request.resource_spans.add()
            resource.resource.SetInParent()
            fill_attributes(resource.resource.attributes, described['attributes'])
            resource.schema_url = text(described['schema_url'])
        content = tuple(batch['scopes'][d['scope']])
        scope = scopes.get((d['resource'], content))
        if scope is None:
            scope = scopes[d['resource'], content] = resource.scope_spans.add()
            scope.scope.SetInParent()
            scope.scope.name, scope.scope.version, scope.schema_url = map(text, content)
        fill_span(scope.spans.add(), d)
    return request


# ---- strict reading -----------------------------------------------------------------------------------------------

def no_unknown(message):
    need(len(UnknownFieldSet(message)) == 0, 'unknown field in ' + message.DESCRIPTOR.name)
    for field, value in message.ListFields():
        if field.message_type:
            for one in (value if field.is_repeated else [value]):
                no_unknown(one)


def no_duplicates(pairs):
    keys = [key for key, _ in pairs]
    need(len(keys) == len(set(keys)), 'a key twice: %s' % keys)
    return dict(pairs)


def refuse_constant(name):
    raise Wrong('bare ' + name + ' in JSON')


def strict_json(line):
    line.decode('utf-8')
    need(b'\n' not in line, 'a line feed within a line')
    return json.loads(line, object_pairs_hook=no_duplicates, parse_constant=refuse_constant)


IDS = {'traceId': 32, 'spanId': 16, 'parentSpanId': 16}
ENUMS = {'kind': 5, 'code': 2}
STRINGS_64 = {'startTimeUnixNano', 'endTimeUnixNano', 'timeUnixNano', 'intValue'}
NUMBERS_32 = {'flags', 'droppedAttributesCount', 'droppedEventsCount', 'droppedLinksCount'}
OTHERS = {'resourceSpans', 'resource', 'attributes', 'scopeSpans', 'scope', 'name', 'version', 'spans', 'schemaUrl', 'traceState', 'key', 'value', 'events',
          'links', 'status', 'message', 'stringValue', 'boolValue', 'doubleValue', 'bytesValue', 'arrayValue', 'values'}


def check_shape(node):
    """The rules of OTLP/JSON that json_format does not enforce; ids become base64 for it."""
    if isinstance(node, list):
        for item in node:
            check_shape(item)
    if not isinstance(node, dict):
        return
    for key, value in node.items():
        if key in IDS:
            need(isinstance(value, str) and re.fullmatch('[0-9a-f]{%d}' % IDS[key], value), '%s is %r' % (key, value))
            node[key] = base64.b64encode(bytes.fromhex(value)).decode()
        elif key in ENUMS:
            need(type(value) is int and 0 <= value <= ENUMS[key], '%s is %r' % (key, value))
        elif key in STRINGS_64:
            need(isinstance(value, str) and re.fullmatch('-?[0-9]+', value), '%s is %r' % (key, value))
        elif key in NUMBERS_32:
            need(type(value) is int and 0 <= value < 1 << 32, '%s is %r' % (key, value))
        elif key == 'doubleValue':
            need(type(value) in (int, float) or value in ('NaN', 'Infinity', '-Infinity'), '%s is %r' % (key, value))
        else:
            need(key in OTHERS, 'unknown key %r' % key)
        check_shape(value)


def bytes_of(message):
    return message.SerializeToString(deterministic=True)


def difference(a, b):
    one, two = str(a).split('\n'), str(b).split('\n')
    for x, y in zip(one, two):
        if x != y:
            return '%s instead of %s' % (x.strip(), y.strip())
    return 'lengths %d and %d' % (len(one), len(two))


def has_zeros(batch):
    """Times and kinds are written even when they are 0, which the canonical form leaves out."""
    return any(d['kind'] == 0 or '0' in (d['start'], d['end'], *(e['time'] for e in d['events'])) for d in batch['spans'])


def check_otlp(batch, line, binary):
    wanted = expected(batch)
    got = ExportTraceServiceRequest()
    got.ParseFromString(binary)
    no_unknown(got)
    need(bytes_of(got) == bytes_of(wanted), 'protobuf: ' + difference(got, wanted))
    if not has_zeros(batch):
        need(binary == bytes_of(wanted), 'protobuf: the same message, but not in canonical form')
    tree = strict_json(line)
    check_shape(tree)
    parsed = json_format.ParseDict(tree, ExportTraceServiceRequest(), ignore_unknown_fields=False, max_recursion_depth=1000)
    need(bytes_of(parsed) == bytes_of(wanted), 'json: ' + difference(parsed, wanted))


def check_grpc(framed, binary):
    """The same message in gRPC's frame (PROTOCOL-HTTP2, "Length-Prefixed-Message"), compressed or not."""
    need(len(framed) >= 5, 'grpc: no frame')
    compressed, size = struct.unpack('>BI', framed[:5])
    need(compressed in (0, 1), 'grpc: flag %d' % compressed)
    need(size == len(framed) - 5, 'grpc: %d bytes, %d said' % (len(framed) - 5, size))
    message = framed[5:]
    if compressed:
        decoder = zlib.decompressobj(wbits=31)
        message = decoder.decompress(message)
        need(decoder.eof and not decoder.unused_data, 'grpc: not one gzip member')
    need(message == binary, 'grpc: another message')


# ---- Zipkin -------------------------------------------------------------------------------------------------------

def load_zipkin():
    from zipkin_oracle import check_zipkin
    return check_zipkin


# ---- Jaeger -------------------------------------------------------------------------------------------------------

def load_jaeger():
    from jaeger_oracle import check_jaeger
    return check_jaeger


def message_of(file):
    size, = struct.unpack('<I', file.read(4))
    return file.read(size)


def main(folder):
    sys.setrecursionlimit(10000)
    batches = spans = wrong = 0
    check_zipkin, check_jaeger = load_zipkin(), load_jaeger()
    with open(folder + '/recorded.jsonl', 'rb') as recorded, open(folder + '/otlp.jsonl', 'rb') as lines, \
            open(folder + '/otlp.bin', 'rb') as binary, open(folder + '/zipkin.jsonl', 'rb') as zipkin, \
            open(folder + '/otlp.grpc', 'rb') as grpc, \
            open(folder + '/jaeger.bin', 'rb') as jaeger, open(folder + '/jaeger_compact.bin', 'rb') as compact:
        for description in recorded:
            batch = json.loads(description)
            message, line, zipkin_line = message_of(binary), lines.readline(), zipkin.readline()
            framed, call, packet = message_of(grpc), message_of(jaeger), message_of(compact)
            for check in (lambda: check_otlp(batch, line[:-1], message), lambda: check_grpc(framed, message), lambda: check_zipkin(batch, zipkin_line[:-1], need),
                          lambda: check_jaeger(batch, call, packet, need)):
                try:
                    check()
                except Exception as error:     # one bad batch shall not hide the next
                    wrong += 1
                    if wrong <= 10:
                        print('batch %d: %s: %s' % (batches, type(error).__name__, str(error)[:400]))
            batches += 1
            spans += len(batch['spans'])
        need(not lines.read(1) and not binary.read(1) and not grpc.read(1) and not zipkin.read(1) and not jaeger.read(1) and not compact.read(1), 'more than was recorded')
    print('%d batches, %d spans, %d wrong' % (batches, spans, wrong))
    return 1 if wrong or not batches else 0


# ---- the oracle itself ----------------------------------------------------------------------------------------------

def swap(old, new):
    return lambda line: line.replace(old, new, 1)


SPOILED = {      # what lenient decoders let through, or read as something else
    'an enumeration by name': lambda line: re.sub(rb'"kind":\d', b'"kind":"SPAN_KIND_SERVER"', line, 1),
    'a status by name': lambda line: re.sub(rb'"code":\d', b'"code":"STATUS_CODE_ERROR"', line, 1),
    'nanoseconds without quotes': lambda line: re.sub(rb'"startTimeUnixNano":"(\d+)"', rb'"startTimeUnixNano":\1', line, 1),
    'a 64-bit integer without quotes': lambda line: re.sub(rb'"intValue":"(-?\d+)"', rb'"intValue":\1', line, 1),
    'an id in base64': lambda line: re.sub(rb'"traceId":"[0-9a-f]+"', b'"traceId":"AAECAwQFBgcICQoLDA0ODw=="', line, 1),
    'an id in capitals': lambda line: re.sub(rb'"spanId":"[0-9a-f]+"', b'"spanId":"ABCDEF0123456789"', line, 1),
    'a short id': lambda line: re.sub(rb'"traceId":"[0-9a-f]{16}', b'"traceId":"', line, 1),
    'an unknown field': swap(b'"traceId":', b'"more":1,"traceId":'), 'a snake in place of a camel': swap(b'"traceId"', b'"trace_id"'),
    'the older name of scopes': swap(b'"scopeSpans"', b'"instrumentationLibrarySpans"'), 'a field twice': swap(b'"name":', b'"name":"","name":'),
    'flags as text': lambda line: re.sub(rb'"flags":(\d+)', rb'"flags":"\1"', line, 1), 'a bare NaN': swap(b'"NaN"', b'NaN'),
    'a boolean as text': lambda line: re.sub(rb'"boolValue":(true|false)', rb'"boolValue":"\1"', line, 1),
    'invalid UTF-8': swap(b'"key":"', b'"key":"\xff'), 'a line feed': swap(b'{', b'{\n'), 'nothing': lambda line: b'{}'}
SPOILED_BINARY = {'an unknown field': lambda message: message + b'\xf8\x07\x01', 'a byte less': lambda message: message[:-1], 'nothing': lambda message: b''}
SPOILED_GRPC = {'no frame': lambda framed: framed[5:], 'a length too short': lambda framed: framed[:4] + bytes([(framed[4] + 255) % 256]) + framed[5:],
                'a flag for nothing': lambda framed: bytes([framed[0] ^ 1]) + framed[1:], 'little-endian': lambda framed: framed[:1] + framed[4:0:-1] + framed[5:]}


def refuses(folder):
    """Spoils what was found good; each must be refused."""
    left = {'json: ' + what: None for what in SPOILED}
    left.update({'protobuf: ' + what: None for what in SPOILED_BINARY})
    left.update({'grpc: ' + what: None for what in SPOILED_GRPC})
    with open(folder + '/recorded.jsonl', 'rb') as recorded, open(folder + '/otlp.jsonl', 'rb') as lines, open(folder + '/otlp.bin', 'rb') as binary, \
            open(folder + '/otlp.grpc', 'rb') as grpc:
        for description in recorded:
            batch, line, message, framed = json.loads(description), lines.readline()[:-1], message_of(binary), message_of(grpc)
            tries = [('json: ' + what, spoil(line), line, lambda bad: check_otlp(batch, bad, message)) for what, spoil in SPOILED.items()]
            tries += [('protobuf: ' + what, spoil(message), message, lambda bad: check_otlp(batch, line, bad)) for what, spoil in SPOILED_BINARY.items()]
            tries += [('grpc: ' + what, spoil(framed), framed, lambda bad: check_grpc(bad, message)) for what, spoil in SPOILED_GRPC.items()]
            for what, bad, good, check in tries:
                if bad == good or left.get(what) is False:
                    continue
                try:
                    check(bad)
                    left[what] = False
                except Exception:
                    left[what] = True
            if all(left.values()):
                break
    for what, refused in left.items():
        if not refused:
            print('%s: %s' % (what, 'never tried' if refused is None else 'was not refused'))
    good = sum(1 for refused in left.values() if refused)
    print('%d ways of spoiling refused' % good)
    return 0 if good == len(left) else 1


if __name__ == '__main__':
    sys.exit(main(sys.argv[1]) or refuses(sys.argv[1]))
