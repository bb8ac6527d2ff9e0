"""What Jaeger should have been told, read by the published Thrift library and checked by this file's own reading of OpenTelemetry's "SDK
exporters: Jaeger" and of jaeger.thrift and agent.thrift, whose field ids stand in the table below.

SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors
Needs thrift==0.22.0.
"""
import math, struct

from thrift.Thrift import TMessageType, TType
from thrift.protocol import TBinaryProtocol, TCompactProtocol
from thrift.transport import TTransport

from zipkin_oracle import as_json, number_of, pairs_of, same, text

BOOL, DOUBLE, I32, I64, STRING, STRUCT, LIST = (TType.BOOL, TType.DOUBLE, TType.I32, TType.I64, TType.STRING, TType.STRUCT, TType.LIST)
IDL = {                                         # id: (name, type, structure)
    'Tag': {1: ('key', STRING), 2: ('vType', I32), 3: ('vStr', STRING), 4: ('vDouble', DOUBLE), 5: ('vBool', BOOL), 6: ('vLong', I64),
            7: ('vBinary', STRING)},
    'Log': {1: ('timestamp', I64), 2: ('fields', LIST, 'Tag')},
    'SpanRef': {1: ('refType', I32), 2: ('traceIdLow', I64), 3: ('traceIdHigh', I64), 4: ('spanId', I64)},
    'Span': {1: ('traceIdLow', I64), 2: ('traceIdHigh', I64), 3: ('spanId', I64), 4: ('parentSpanId', I64), 5: ('operationName', STRING),
             6: ('references', LIST, 'SpanRef'), 7: ('flags', I32), 8: ('startTime', I64), 9: ('duration', I64), 10: ('tags', LIST, 'Tag'),
             11: ('logs', LIST, 'Log')},
    'Process': {1: ('serviceName', STRING), 2: ('tags', LIST, 'Tag')},
    'Batch': {1: ('process', STRUCT, 'Process'), 2: ('spans', LIST, 'Span')},
    'emitBatch_args': {1: ('batch', STRUCT, 'Batch')},
}
REQUIRED = {'Tag': 2, 'Log': 2, 'SpanRef': 4, 'Process': 1, 'Batch': 2, 'emitBatch_args': 1}
VALUES = {0: 'vStr', 1: 'vDouble', 2: 'vBool', 3: 'vLong', 4: 'vBinary'}
KINDS = {2: 'server', 3: 'client', 4: 'producer', 5: 'consumer'}


def read(protocol, name, need):
    """A structure as a dict; every field must be in the table, with its type, in order, once."""
    got, last = {}, 0
    protocol.readStructBegin()
    while True:
        _, kind, number = protocol.readFieldBegin()
        if kind == TType.STOP:
            break
        need(number > last and number in IDL[name], '%s: field %d after %d' % (name, number, last))
        field = IDL[name][number]
        need(kind == field[1], '%s.%s: type %d' % (name, field[0], kind))
        if kind == STRUCT:
            got[field[0]] = read(protocol, field[2], need)
        elif kind == LIST:
            of, count = protocol.readListBegin()
            need(of == STRUCT and count, '%s.%s: %d elements of type %d' % (name, field[0], count, of))
            got[field[0]] = [read(protocol, field[2], need) for _ in range(count)]
            protocol.readListEnd()
        else:
            got[field[0]] = {BOOL: protocol.readBool, DOUBLE: protocol.readDouble, I32: protocol.readI32, I64: protocol.readI64,
                             STRING: protocol.readBinary}[kind]()
        protocol.readFieldEnd()
        last = number
    protocol.readStructEnd()
    for number in range(1, REQUIRED.get(name, 5) + 1):
        need(name == 'Span' and number > 5 or IDL[name][number][0] in got, '%s: no field %d' % (name, number))
    if name == 'Tag':
        need(sorted(got) == sorted(['key', 'vType', VALUES[got['vType']]]), 'a tag with %s' % sorted(got))
    if name == 'Span':
        need(all(field in got for field in ('flags', 'startTime', 'duration')), 'a span without time')
    return got


def signed(hexadecimal):
    return struct.unpack('>q', bytes.fromhex(hexadecimal))[0]


def wrapped(number):                            # a nonsense time is taken as it is
    return struct.unpack('>q', struct.pack('>Q', number))[0]


def tag_is(tag, key, value):
    if tag['key'].decode() != key:
        return False
    got = tag[VALUES[tag['vType']]]
    if value[0] in ('string', 'json'):
        return tag['vType'] == 0 and got.decode() == text(value[1])
    if value[0] == 'bytes':
        return tag['vType'] == 4 and got == bytes.fromhex(value[1])
    if value[0] == 'int':
        return tag['vType'] == 3 and got == int(value[1])
    if value[0] == 'bool':
        return tag['vType'] == 2 and got is value[1]
    if value[0] == 'double':
        wanted = number_of(value)
        return tag['vType'] == 1 and (math.isnan(got) if math.isnan(wanted) else struct.pack('>d', got) == struct.pack('>d', wanted))
    if value[0] == 'array':
        return tag['vType'] == 0 and same(pairs_of(got), as_json(value))
    return tag['vType'] == 0 and got == b''


def literal(word):
    return ['string', word.encode().hex()]


def count(key, number):
    return [(key, ['int', str(number)])] if number else []


def span_tags(span, scope):
    ours = []
    if span['kind'] in KINDS:
        ours.append(('span.kind', literal(KINDS[span['kind']])))
    for part, names in ((0, ('otel.scope.name', 'otel.library.name')), (1, ('otel.scope.version', 'otel.library.version'))):
        if scope[part]:
            ours += [(name, ['string', scope[part]]) for name in names]
    if span['status']:
        ours.append(('otel.status_code', literal('OK' if span['status'] == 1 else 'ERROR')))
    if span['status'] == 2:
        ours.append(('error', ['bool', True]))
        if span['message']:
            ours.append(('otel.status_description', ['string', span['message']]))
    dropped = [count('otel.dropped_%s_count' % what, n) for what, n in zip(('attributes', 'events', 'links'), span['dropped'])]
    taken = [key for key, _ in ours] + ['otel.dropped_%s_count' % what for what in ('attributes', 'events', 'links')]
    mine = [(text(key), value) for key, value in span['attributes'] if text(key) not in taken]
    return mine + ours + sum(dropped, [])


def check_tags(got, wanted, need, where):
    need(len(got) == len(wanted), '%s: %d tags, not %d' % (where, len(got), len(wanted)))
    for tag, (key, value) in zip(got, wanted):
        need(tag_is(tag, key, value), '%s: %r is not %s %r' % (where, tag, key, value))


def check_span(got, span, scope, need):
    start, end = int(span['start']), int(span['end'])
    wanted = {'traceIdLow': signed(span['trace_id'][16:]), 'traceIdHigh': signed(span['trace_id'][:16]), 'spanId': signed(span['span_id']),
              'parentSpanId': signed(span['parent']), 'operationName': text(span['name']).encode(), 'flags': span['flags'] & 1,
              'startTime': wrapped(start // 1000), 'duration': wrapped((end - start) // 1000 if end > start else 0)}
    for field, value in wanted.items():
        need(got[field] == value, '%s: %r is not %r' % (field, got[field], value))
    references = [{'refType': 1, 'traceIdLow': signed(link['trace_id'][16:]), 'traceIdHigh': signed(link['trace_id'][:16]),
                   'spanId': signed(link['span_id'])} for link in span['links']]
    need(got.get('references', []) == references, 'references: %r' % got.get('references'))
    check_tags(got.get('tags', []), span_tags(span, scope), need, 'tags')
    need(len(got.get('logs', [])) == len(span['events']), 'logs')
    for log, event in zip(got.get('logs', []), span['events']):
        need(log['timestamp'] == wrapped(int(event['time']) // 1000), 'timestamp')
        mine = [(text(key), value) for key, value in event['attributes']]
        named = [] if any(key == 'event' for key, _ in mine) else [('event', ['string', event['name']])]
        check_tags(log['fields'], named + mine + count('otel.dropped_attributes_count', event['dropped']), need, 'log')


def check_batch(batch, got, need):
    number = batch['spans'][0]['resource']
    resource = batch['resources'][number]
    service = [value for key, value in resource['attributes'] if text(key) == 'service.name'][0]
    need(got['process']['serviceName'].decode() == text(service[1]), 'serviceName')
    check_tags(got['process'].get('tags', []), [(text(k), v) for k, v in resource['attributes'] if text(k) != 'service.name'], need, 'process')
    spans = [span for span in batch['spans'] if span['resource'] == number]
    need(len(got['spans']) == len(spans), '%d spans, not %d' % (len(got['spans']), len(spans)))
    for one, span in zip(got['spans'], spans):
        check_span(one, span, batch['scopes'][span['scope']], need)


def check_jaeger(batch, binary, compact, need):
    """`binary` is the body of an HTTP request, `compact` a packet for the agent."""
    transport = TTransport.TMemoryBuffer(binary)
    check_batch(batch, read(TBinaryProtocol.TBinaryProtocol(transport), 'Batch', need), need)
    need(not transport.read(1), 'bytes after the batch')
    transport = TTransport.TMemoryBuffer(compact)
    protocol = TCompactProtocol.TCompactProtocol(transport)
    name, kind, _ = protocol.readMessageBegin()
    need(name == 'emitBatch' and kind == TMessageType.ONEWAY, 'message %s of type %d' % (name, kind))
    check_batch(batch, read(protocol, 'emitBatch_args', need)['batch'], need)
    need(not transport.read(1), 'bytes after the message')
