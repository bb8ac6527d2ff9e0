"""Checks the signature of a captured request as docs.aws.amazon.com, "Create a signed AWS API request", computes it.

SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors

usage: sigv4.py HEAD        the request's head; its body is in HEAD.body. The secret is that of tests/test_presets.c.
"""
import hashlib
import hmac
import re
import sys

SECRET = b"secret/canary"

head = open(sys.argv[1], encoding="latin-1", newline="").read()
body = open(sys.argv[1] + ".body", "rb").read()
lines = head.split("\r\n")
method, path, _ = lines[0].split(" ")
headers = {}
for line in lines[1:]:
    if ":" in line:
        name, value = line.split(":", 1)
        headers[name.lower()] = " ".join(value.split())
parts = re.fullmatch(r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/([^/]+)/aws4_request, SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})",
                     headers["authorization"])
if not parts:
    sys.exit("not an authorization of this kind: " + headers["authorization"])
_, day, region, service, names, signature = parts.groups()
for wanted in ("host", "x-amz-date", "x-amz-security-token"):
    if wanted not in names.split(";"):
        sys.exit(f"the header {wanted} is not signed: {names}")
for name in names.split(";"):
    if name not in headers:
        sys.exit(f"the header {name} is signed but not sent")
digest = hashlib.sha256(body).hexdigest()
canonical = "\n".join([method, path, ""] + [f"{name}:{headers[name]}" for name in names.split(";")] + ["", names, digest])
stamp = headers["x-amz-date"]
to_sign = "\n".join(["AWS4-HMAC-SHA256", stamp, f"{day}/{region}/{service}/aws4_request", hashlib.sha256(canonical.encode()).hexdigest()])
key = b"AWS4" + SECRET
for step in (day, region, service, "aws4_request"):
    key = hmac.new(key, step.encode(), hashlib.sha256).digest()
expected = hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()
if (region, service) != ("eu-west-1", "xray") or not stamp.startswith(day) or expected != signature:
    sys.exit(f"the signature is {signature}, not {expected}\n{canonical}")
print("the signature is right")
