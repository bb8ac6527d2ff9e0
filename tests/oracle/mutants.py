#!/usr/bin/env python3
"""Breaks the encoders one line at a time and expects the oracle to notice each time: a check that cannot fail is none.

SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors

mutants.py [folder with the headers]     run by the venv's python; about three seconds a mutant; ONLY=text: those with it
"""
import os, shutil, subprocess, sys, tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HEADERS = sys.argv[1] if len(sys.argv) > 1 else ROOT

OTLP = [
    (r'at = TRACEI_OTLP_PUT(at, "{\"traceId\":\"");', r'at = TRACEI_OTLP_PUT(at, "{\"trace_id\":\"");'),
    (r'''*at++ = (char)('0' + (unsigned)span->kind % 10);''', r'''*at++ = '"'; *at++ = (char)('0' + (unsigned)span->kind % 10); *at++ = '"';'''),
    (r'"\",\"kind\":"', r'"\",\"kinds\":"'),
    (r'",\"startTimeUnixNano\":\""', r'",\"endTimeUnixNano\":\""'),
    (r'is_remote ? 0x200u : 0u', r'is_remote ? 0x400u : 0u'),
    (r'(uint32_t)w3c | 0x100u', r'(uint32_t)w3c'),
    (r'"\"intValue\":\"");' + '\n        at = tracei_put_i64(at, value->as.integer);', r'"\"intValue\":\"");' + '\n        at = tracei_put_u64(at, (uint64_t)value->as.integer);'),
    (r'if ((tracei_otlp_bits(value->as.number) >> 52 & 0x7ff) != 0x7ff)', 'if (1)'),
    (r'"\"boolValue\":false"', r'"\"boolValue\":true"'),
    (r'",\"droppedLinksCount\":", span->dropped_link_count', r'",\"droppedLinksCount\":", span->dropped_event_count'),
    (r'at = tracei_put_json(at, span->name.data, span->name.size);', 'memcpy(at, span->name.data, span->name.size); at += span->name.size;'),
    (r'if (depth >= TRACEI_OTLP_DEPTH_MAX) return at;' + '\n    at = TRACEI_OTLP_PUT', r'if (depth > TRACEI_OTLP_DEPTH_MAX) return at;' + '\n    at = TRACEI_OTLP_PUT'),
    (r'*at++ = 3 << 3;', '*at++ = 2 << 3;'),
    (r'bytes[1] = (uint8_t)(value >> 8);', 'bytes[1] = (uint8_t)(value >> 16);'),
    (r'if (size > 100 ||', 'if (size > 200 ||'),
    (r'!tracei_otlp_is_ascii(&attribute->key) || (is_text', '(is_text'),
    (r'high |= tracei_load_8(data + size - 8);', ''),
    (r'return ascii ? tracei_otlp_copy(at, text->data, size) : tracei_put_utf8(at, text->data, text->size);', 'return tracei_otlp_copy(at, text->data, size);'),
    (r'at = tracei_otlp_tag_length(at, 13, tracei_otlp_link_size(&span->links[i]));', 'at = tracei_otlp_tag_length(at, 13, tracei_otlp_link_size(&span->links[0]));'),
    (r'return 18 + 10 + 5 +', 'return 18 + 10 + 4 +'),
    (r'at = tracei_otlp_optional(at, 2, &span->status_message);', 'at = tracei_otlp_optional(at, 1, &span->status_message);'),
    (r'at = tracei_otlp_tag_length(at, 7, value->as.bytes.size);', 'at = tracei_otlp_tag_length(at, 1, value->as.bytes.size);'),
    (r'if (items[i].scope != number) continue;', ''),
    (r'hash = tracei_otlp_hash(hash, name.data, name.size);', ''),
    (r'at[4] = (uint8_t)(size & 255);', 'at[4] = (uint8_t)(size >> 8 & 255);'),
    (r'at[0] = compressed ? 1 : 0;', 'at[0] = 0;'),
    (r'        size = body->size - prefix;', '        size = body->size;'),
    (r'at = tracei_otlp_optional(tail, 3, &resource->schema_url);', 'at = tracei_otlp_optional(tail, 2, &resource->schema_url);'),
]
ZIPKIN = [
    (r'"\",\"parentId\":\""', r'"\",\"parentID\":\""'),
    (r'duration_us ? duration_us : 1', 'duration_us'),
    (r'uint64_t start_us = span->start_unix_ns / 1000;', 'uint64_t start_us = span->start_unix_ns / 1000 + 1;'),
    (r'if (quoted == size) return end;', 'return end;'),
    (r'if (span->status == TRACE_STATUS_ERROR) return true;', ''),
    (r'{"server.address", NULL}, {"net.peer.name", NULL}', '{"net.peer.name", NULL}, {"server.address", NULL}'),
    (r'if (size >= 12 && memcmp(at - 12, "yAnnotations", 12) == 0)', 'if (0)'),
    (r'event->unix_ns / 1000', 'event->unix_ns'),
    (r'span->kind != TRACE_KIND_CLIENT && span->kind != TRACE_KIND_PRODUCER', 'span->kind != TRACE_KIND_CLIENT'),
]
TEXT = [
    ('(word - TRACEI_BYTES_OF(0x20))', '(word - TRACEI_BYTES_OF(0x1f))'),
    ("if (lead == 0xed) high = 0x9f;", ''),
    ('return at + tracei_copy_word(at, "0.0");', ';'),
    ('at[3] = digits[bits & 63];', 'at[3] = digits[bits & 31];'),
    ('"%.*g", precision, value', '"%.15g", value'),
    ('if ((bits >> 52 & 0x7ff) != 0x7ff) return tracei_put_number', 'return tracei_put_number'),
]


def run(folder):
    """True when the corpus is what it should be."""
    compiler = [os.environ.get('CC', 'gcc'), '-std=gnu11', '-w', '-O0', '-DTRACE_HTTP_ZLIB', folder + '/tests/oracle/corpus.c', '-o', folder + '/corpus', '-lz']
    subprocess.run(compiler, check=True)
    if subprocess.run([folder + '/corpus', folder, '1', '300'], stderr=subprocess.DEVNULL).returncode:
        return False
    return subprocess.run([sys.executable, '-B', ROOT + '/tests/oracle/oracle.py', folder], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0


def main():
    survivors = tried = 0
    with tempfile.TemporaryDirectory() as folder:
        os.makedirs(folder + '/tests/oracle')
        for name in ('corpus.c', 'corpus.h'):
            shutil.copy(ROOT + '/tests/oracle/' + name, folder + '/tests/oracle/')
        whole = {name: open(HEADERS + '/' + name).read() for name in os.listdir(HEADERS) if name.startswith('trace') and name.endswith('.h')}
        for name, content in whole.items():
            open(folder + '/' + name, 'w').write(content)
        if not run(folder):
            print('the unbroken encoders fail already')
            return 1
        for header, mutants in (('trace_otlp.h', OTLP), ('trace_zipkin.h', ZIPKIN), ('trace.h', TEXT)):
            for old, new in mutants:
                if os.environ.get('ONLY', '') not in old:
                    continue
                if old not in whole[header]:
                    print('gone from %s: %s' % (header, old))
                    survivors += 1
                    continue
                open(folder + '/' + header, 'w').write(whole[header].replace(old, new))
                tried += 1
                if run(folder):
                    survivors += 1
                    print('not noticed: %s: %s -> %s' % (header, old, new))
            open(folder + '/' + header, 'w').write(whole[header])
    print('%d mutants, %d not noticed' % (tried, survivors))
    return 1 if survivors else 0


if __name__ == '__main__':
    sys.exit(main())
