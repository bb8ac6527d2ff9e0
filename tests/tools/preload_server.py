"""A server on loopback for programs under test: answers by path, appends each request's head to FOLDER/requests.

/status/N: that status. /redirect: to /item. /flaky/N: 503 N times in a row, then 200. /digest: asks for digest authentication.
SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors
"""
import http.server
import os
import sys
import threading

FOLDER = sys.argv[1]
lock = threading.Lock()
failures = {}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, *headers):
        body = b"" if status == 302 else b"ok\n"
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def serve(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        with lock, open(os.path.join(FOLDER, "requests"), "a") as log:
            log.write(f"{self.requestline}\n{str(self.headers).strip()}\n\n")
        path = self.path.split("?")[0]
        if path == "/redirect":
            self.answer(302, ("Location", "/item?access_token=canary"))
        elif path.startswith("/status/"):
            self.answer(int(path[8:]))
        elif path.startswith("/flaky/"):
            with lock:
                failures[path] = failures.get(path, 0) + 1
                broken = failures[path] <= int(path[7:])
            self.answer(503 if broken else 200)
        elif path == "/digest" and "Digest" not in self.headers.get("Authorization", ""):
            self.answer(401, ("WWW-Authenticate", 'Digest realm="canary", nonce="canary"'))
        else:
            self.answer(200)

    do_GET = do_POST = do_PUT = do_HEAD = serve

    def log_message(self, *arguments):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
with open(os.path.join(FOLDER, "port.new"), "w") as port:
    port.write(str(server.server_port))
os.rename(os.path.join(FOLDER, "port.new"), os.path.join(FOLDER, "port"))
server.serve_forever()
