"""What Zipkin should have been told, by this file's own reading of OpenTelemetry's "SDK exporters: Zipkin" and zipkin2-api.yaml.

SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors
"""
import base64, ipaddress, json, math, re, struct

DEPTH_MAX = 32
KINDS = {2: 'SERVER', 3: 'CLIENT', 4: 'PRODUCER', 5: 'CONSUMER'}
NAMES = ['peer.service', 'server.address', 'net.peer.name', ('network.peer.address', 'network.peer.port'), 'server.socket.domain',
         ('server.socket.address', 'server.socket.port'), 'net.sock.peer.name', ('net.sock.peer.addr', 'net.sock.peer.port'), 'peer.hostname',
         'peer.address', 'db.name']


def text(hexadecimal):
    return bytes.fromhex(hexadecimal).decode('utf-8', 'replace')


def number_of(described):
    return struct.unpack('>d', bytes.fromhex(described[1]))[0]


def word(number):
    return 'NaN' if math.isnan(number) else 'Infinity' if number > 0 else '-Infinity'


def as_json(v, depth=0):
    """The value an array or an event's attribute holds, as json.loads would give it."""
    if v[0] in ('string', 'json'):
        return text(v[1])
    if v[0] == 'int':
        return int(v[1])
    if v[0] == 'double':
        number = number_of(v)
        return number if math.isfinite(number) else word(number)
    if v[0] == 'bool':
        return v[1]
    if v[0] == 'bytes':
        return base64.b64encode(bytes.fromhex(v[1])).decode()
    if v[0] == 'array' and depth < DEPTH_MAX:
        return [as_json(item, depth + 1) for item in v[1]]
    return None


def same(a, b):
    """Of decoded JSON: numbers by value, with the sign of zero; lists of pairs in order."""
    if isinstance(a, bool) or isinstance(b, bool) or a is None or b is None:
        return a is b
    if isinstance(a, (int, float)) and isinstance(b, (int, float)):
        return a == b and math.copysign(1, a) == math.copysign(1, b)
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b))
    return a == b


def pairs_of(line):
    return json.loads(line, object_pairs_hook=lambda pairs: pairs, parse_constant=lambda name: 1 / 0)


def tag_is(got, v):
    """Whether a tag's text says the value."""
    if v[0] in ('string', 'json', 'bytes'):
        return got == as_json(v)
    if v[0] == 'int':
        return got == v[1]
    if v[0] == 'bool':
        return got == ('true' if v[1] else 'false')
    if v[0] == 'double':
        number = number_of(v)
        if not math.isfinite(number):
            return got == word(number)
        return re.fullmatch(r'-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?', got) is not None and same(float(got), number)
    if v[0] == 'array':
        return ' ' not in re.sub(r'"(\\.|[^"\\])*"', '', got) and same(pairs_of(got), as_json(v))
    return got == ''


def annotation_is(got, event):
    name, attributes = text(event['name']), event['attributes']
    if not attributes:
        return got == name
    decoder = json.JSONDecoder(object_pairs_hook=lambda pairs: pairs)
    first, at = decoder.raw_decode(got)
    if first != name or got[at:at + 2] != ': ':
        return False
    return same(pairs_of(got[at + 2:]), [(text(k), as_json(v)) for k, v in attributes])


def is_address(value):
    try:
        return 'ipv%d' % ipaddress.ip_address(value).version if '%' not in value else None
    except ValueError:
        return None


def remote_of(d):
    if d['kind'] not in (3, 4):
        return None
    attributes = {text(k): v for k, v in reversed(d['attributes'])}
    for name in NAMES:
        key = name if isinstance(name, str) else name[0]
        v = attributes.get(key)
        if not v or v[0] != 'string' or not v[1]:
            continue
        if isinstance(name, str):
            return [('serviceName', text(v[1]))]
        if is_address(text(v[1])):
            port = attributes.get(name[1])
            endpoint = [(is_address(text(v[1])), text(v[1]))]
            return endpoint + ([('port', int(port[1]))] if port and port[0] == 'int' and 0 < int(port[1]) < 65536 else [])
    return None


def tags_of(batch, d):
    """Pairs of key and description, in the order they were recorded, ours last."""
    ours = []
    name, version, _ = map(text, batch['scopes'][d['scope']])
    for part, value in (('name', name), ('version', version)):
        if value:
            ours += [('otel.scope.' + part, value), ('otel.library.' + part, value)]
    if d['status']:
        ours.append(('otel.status_code', 'OK' if d['status'] == 1 else 'ERROR'))
    if d['status'] == 2:
        ours.append(('error', text(d['message'])))
    for count, what in zip(d['dropped'], ('attributes', 'events', 'links')):
        if count:
            ours.append(('otel.dropped_%s_count' % what, str(count)))
    taken = {key for key, _ in ours}
    theirs = [(text(k), v) for k, v in d['attributes'] if text(k) not in taken]
    if d['status'] != 2:
        theirs = [(k, v) for k, v in theirs if not (k == 'error' and v in (['bool', False], ['string', b'false'.hex()]))]
    return theirs, ours


def check_span(batch, d, got, need):
    fields = dict(got)
    need(len(fields) == len(got), 'zipkin: a field twice')
    kind, start, end = KINDS.get(d['kind']), int(d['start']), int(d['end'])
    want = {'traceId': d['trace_id'], 'id': d['span_id'], 'duration': max(1, (end - start) // 1000),
            'localEndpoint': [('serviceName', text(dict(batch['resources'][d['resource']]['attributes'])[b'service.name'.hex()][1]))]}
    if int(d['parent'], 16):
        want['parentId'] = d['parent']
    if kind:
        want['kind'] = kind
    if d['name']:
        want['name'] = text(d['name'])
    if start // 1000:
        want['timestamp'] = start // 1000
    if remote_of(d):
        want['remoteEndpoint'] = remote_of(d)
    for key, value in want.items():
        need(key in fields and same(fields[key], value), 'zipkin: %s is %r, not %r' % (key, fields.get(key), value))
    theirs, ours = tags_of(batch, d)
    need(set(fields) == set(want) | ({'tags'} if theirs or ours else set()) | ({'annotations'} if d['events'] else set()),
         'zipkin: fields %s' % sorted(fields))
    if d['events']:
        need(len(fields['annotations']) == len(d['events']), 'zipkin: annotations')
        for one, event in zip(fields['annotations'], d['events']):
            need([k for k, _ in one] == ['timestamp', 'value'] and one[0][1] == int(event['time']) // 1000, 'zipkin: annotation %r' % (one,))
            need(annotation_is(one[1][1], event), 'zipkin: annotation %r is not %r' % (one[1][1], event))
    if theirs or ours:
        tags = fields['tags']
        need(len(tags) == len(theirs) + len(ours), 'zipkin: %d tags, not %d' % (len(tags), len(theirs) + len(ours)))
        for (key, value), (wanted_key, described) in zip(tags, theirs):
            need(key == wanted_key and isinstance(value, str) and tag_is(value, described), 'zipkin: tag %r is %r, not %r' % (key, value, described))
        need(sorted(tags[len(theirs):]) == sorted(ours), 'zipkin: tags %r, not %r' % (tags[len(theirs):], ours))


def check_zipkin(batch, line, need):
    line.decode('utf-8')
    need(b'yAnnotations"' not in line, 'zipkin: the server would take this for its version 1')
    got = pairs_of(line)
    need(isinstance(got, list) and len(got) == len(batch['spans']), 'zipkin: %d spans' % len(got))
    for d, span in zip(batch['spans'], got):
        check_span(batch, d, span, need)
