# SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors
"""Starts and stops real backends: loopback, free ports, ready before start() returns, stopped by process id and never left behind."""
import atexit, ctypes, json, os, shutil, signal, socket, subprocess, sys, time, urllib.error, urllib.request

from install import BUILD, HERE, ROOT

OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))      # never through a proxy
running = []


class NotReady(Exception):
    pass


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def get(url, body=None, content_type="application/json"):
    """Status and body; 0 when nothing answers."""
    request = urllib.request.Request(url, data=body, headers={"Content-Type": content_type} if body is not None else {})
    try:
        with OPENER.open(request, timeout=20) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()
    except OSError:
        return 0, b""


def minus_zero(text):
    return -0.0 if text == "-0" else int(text)


def get_json(url, body=None):
    status, text = get(url, body)
    text = text.rstrip(b"\0")      # Zipkin's server counts U+2028 as longer than it writes it
    return json.loads(text, parse_int=minus_zero) if 200 <= status < 300 else None


def until(question, seconds, what):
    """Asks again and again until the answer is true, and returns it."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        answer = question()
        if answer:
            return answer
        time.sleep(0.05)
    raise NotReady("%s: not within %d s" % (what, seconds))


def die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)      # PR_SET_PDEATHSIG


class Backend:
    """One process. Its folder is made anew; its output is in log.txt there."""

    def __init__(self, name, ports):
        self.name = name
        self.folder = os.path.join(ROOT, "build", "integration", name)
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder)
        self.ports = dict(zip(ports, free_ports(len(ports))))
        self.process = None

    def url(self, port, path=""):
        return "http://127.0.0.1:%d%s" % (self.ports[port], path)

    def launch(self, command, ready_url, seconds, **variables):
        environment = dict(os.environ, **{key: str(value) for key, value in variables.items()})
        for key in list(environment):
            if key.startswith(("OTEL_", "PHOENIX_DATABASE")):
                del environment[key]
        log = open(os.path.join(self.folder, "log.txt"), "ab")
        self.process = subprocess.Popen(command, cwd=self.folder, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                        start_new_session=True, preexec_fn=die_with_parent)
        log.close()
        running.append(self)

        def ready():
            if self.process.poll() is not None:
                raise NotReady("%s ended with %d at once; see %s/log.txt" % (self.name, self.process.returncode, self.folder))
            return get(ready_url)[0] == 200

        until(ready, seconds, self.name + " to be ready")

    def kill(self):
        """kill -9, and its whole session."""
        if self.process and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        if self in running:
            running.remove(self)

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                pass
        self.kill()


def stop_all():
    for backend in list(running):
        backend.kill()


atexit.register(stop_all)
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(number, lambda *_: sys.exit(1))


class Collector(Backend):
    def __init__(self, program, tls_folder):
        super().__init__("collector", ("HEALTH", "GRPC", "HTTP", "GRPC_TLS", "HTTP_TLS", "ZIPKIN", "THRIFT", "COMPACT", "BINARY"))
        self.program, self.tls_folder = program, tls_folder
        self.out = os.path.join(self.folder, "spans.jsonl")

    def start(self):
        self.launch([self.program, "--config", os.path.join(HERE, "collector.yaml")], self.url("HEALTH"), 30, OUT=self.out, TLS_FOLDER=self.tls_folder,
                    **{"PORT_" + key: value for key, value in self.ports.items()})

    def lines(self):
        """What was written, decoded. A line that a killed process did not finish, which may be the last one or stand before the
        next process's first, is left out."""
        if not os.path.exists(self.out):
            return []
        with open(self.out, "rb") as file:
            return [json.loads(line[line.rindex(b'{"resourceSpans":'):], parse_int=minus_zero) for line in file if line.endswith(b"\n")]


class Zipkin(Backend):
    def __init__(self, program):
        super().__init__("zipkin", ("HTTP",))
        self.program = program

    def start(self):
        self.launch(["java", "-Xmx256m", "-jar", self.program, "--armeria.ports[0].ip=127.0.0.1", "--armeria.ports[0].port=%d" % self.ports["HTTP"],
                     "--armeria.ports[0].protocols[0]=http"], self.url("HTTP", "/health"), 120)


class Jaeger(Backend):
    def __init__(self, program):
        super().__init__("jaeger", ("HEALTH", "GRPC", "HTTP", "ZIPKIN", "THRIFT", "COMPACT", "BINARY", "QUERY", "QUERY_GRPC"))
        self.program = program

    def start(self):
        self.launch([self.program, "--config", os.path.join(HERE, "jaeger.yaml")], self.url("HEALTH", "/status"), 60,
                    **{"PORT_" + key: value for key, value in self.ports.items()})


# Its gRPC server binds [::], whatever it is told.
PHOENIX = """
import sys, grpc.aio
class Loopback:
    def __init__(self, server): self.server = server
    def __getattr__(self, name): return getattr(self.server, name)
    def add_insecure_port(self, address): return self.server.add_insecure_port("127.0.0.1:" + address.rsplit(":", 1)[1])
whole = grpc.aio.server
grpc.aio.server = lambda *arguments, **named: Loopback(whole(*arguments, **named))
sys.argv = ["phoenix", "serve"]
from phoenix.server.main import main
main()
"""


class Phoenix(Backend):
    def __init__(self, program):
        super().__init__("phoenix", ("HTTP", "GRPC"))
        self.program = program

    def start(self):
        self.launch([self.program, "-c", PHOENIX], self.url("HTTP", "/healthz"), 180, PHOENIX_HOST="127.0.0.1", PHOENIX_PORT=self.ports["HTTP"],
                    PHOENIX_GRPC_PORT=self.ports["GRPC"], PHOENIX_WORKING_DIR=self.folder, PHOENIX_TELEMETRY_ENABLED="false",
                    PHOENIX_ALLOW_EXTERNAL_RESOURCES="false")


class AgentLightning(Backend):
    def __init__(self, program):
        super().__init__("agl", ("HTTP",))
        self.program = program

    def start(self):
        self.launch([self.program, "store", "--host", "127.0.0.1", "--port", str(self.ports["HTTP"]), "--backend", "memory"],
                    self.url("HTTP", "/v1/agl/health"), 180, LITELLM_LOCAL_MODEL_COST_MAP="True")
