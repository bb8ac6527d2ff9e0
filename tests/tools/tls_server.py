#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors
"""HTTPS servers on free loopback ports, each wrong in one way. Prints the folder with ca.pem, client.pem and client.key, then the
ports: good, expired, wrong host, self-signed, TLS 1.1 only, client certificate demanded. Ends when its standard input does."""
import http.server, os, shutil, ssl, subprocess, sys, tempfile, threading

folder = tempfile.mkdtemp(prefix="trace-tls-")


def openssl(*arguments):
    subprocess.run(("openssl",) + arguments, cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def key(name):
    openssl("ecparam", "-genkey", "-name", "prime256v1", "-noout", "-out", name + ".key")


def certificate(name, host, dates=()):
    key(name)
    openssl("req", "-new", "-key", name + ".key", "-subj", "/CN=" + host, "-out", name + ".csr")
    with open(os.path.join(folder, name + ".ext"), "w") as file:
        file.write("subjectAltName=DNS:%s\n" % host)
    if dates:
        with open(os.path.join(folder, "ca.cnf"), "w") as file:
            file.write("[ca]\ndefault_ca=d\n[d]\ndatabase=index\nnew_certs_dir=.\nserial=serial\ndefault_md=sha256\npolicy=p\n"
                       "copy_extensions=copy\n[p]\ncommonName=supplied\n")
        open(os.path.join(folder, "index"), "w").close()
        with open(os.path.join(folder, "serial"), "w") as file:
            file.write("77\n")
        openssl("ca", "-batch", "-config", "ca.cnf", "-cert", "ca.pem", "-keyfile", "ca.key", "-in", name + ".csr", "-out", name + ".pem",
                "-extfile", name + ".ext", "-notext", "-startdate", dates[0], "-enddate", dates[1])
    else:
        openssl("x509", "-req", "-in", name + ".csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
                "-extfile", name + ".ext", "-out", name + ".pem")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *arguments):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass


def serve(name, old=False, client=False):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if old:
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
        context.set_ciphers("ALL:@SECLEVEL=0")
    context.load_cert_chain(os.path.join(folder, name + ".pem"), os.path.join(folder, name + ".key"))
    if client:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(os.path.join(folder, "ca.pem"))
    server = Server(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


try:
    import warnings
    warnings.simplefilter("ignore")
    key("ca")
    openssl("req", "-x509", "-new", "-key", "ca.key", "-subj", "/CN=test authority", "-days", "2", "-out", "ca.pem")
    certificate("good", "localhost")
    certificate("expired", "localhost", ("20200101000000Z", "20200201000000Z"))
    certificate("wrong", "elsewhere.example")
    certificate("client", "client")
    key("alone")
    openssl("req", "-x509", "-new", "-key", "alone.key", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-days", "2", "-out", "alone.pem")
    print(folder, serve("good"), serve("expired"), serve("wrong"), serve("alone"), serve("good", old=True), serve("good", client=True), flush=True)
    sys.stdin.read()
finally:
    shutil.rmtree(folder, ignore_errors=True)
