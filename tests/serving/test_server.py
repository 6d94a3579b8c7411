"""A real server on a real socket: slow, broken and leaving clients, and an end that loses nothing."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from click.testing import CliRunner
from support.servers import KEY, Process

from yolo_tl.cli.serve import command
from yolo_tl.errors import RuntimeFailure, YoloTLError
from yolo_tl.serving.server import Listening

PATIENCE = 60

# Limits that a test can wait for.
HASTY = """
import yolo_tl.serving.limits as limits
limits.Limits.__init__.__defaults__ = tuple(
    {"head": 1.0, "silence": 1.0, "upload": 3.0, "connections": 8}.get(field, default)
    for field, default in zip(limits.Limits.__dataclass_fields__, limits.Limits.__init__.__defaults__)
)
"""

# Each look at an image says that it has begun, and waits for a file.
HELD = """
import sys, time
from pathlib import Path
from yolo_tl.edge.model import Model
gate, observe = Path(sys.argv[-1]), Model.observe
sys.argv.pop()
def held(model, frame, **options):
    if frame.source == "http":
        gate.with_name("begun").touch()
        while not gate.exists():
            time.sleep(0.01)
    return observe(model, frame, **options)
Model.observe = held
"""


LISTENING = Listening("http://0.0.0.0:8000", "0" * 64, None, open=True)


@pytest.fixture(scope="module")
def hasty(bundle, processes) -> Process:
    return processes(bundle, "--max-body", "0.2", code=HASTY)


@pytest.fixture
def connect(hasty):
    """Open a connection; they are closed with the test."""
    opened: list[socket.socket] = []

    def open_one() -> socket.socket:
        opened.append(socket.create_connection(("127.0.0.1", hasty.port), timeout=PATIENCE))
        return opened[-1]

    yield open_one
    for one in opened:
        one.close()


def post(process: Process, content: bytes, **headers: str) -> tuple[int, dict]:
    connection = http.client.HTTPConnection("127.0.0.1", process.port, timeout=PATIENCE)
    try:
        connection.request("POST", "/v1/detect", content, {"Content-Type": "image/png", **headers})
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


def get(process: Process, path: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", process.port, timeout=PATIENCE)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def everything(one: socket.socket) -> bytes:
    """What comes until the connection is closed."""
    parts = []
    try:
        while part := one.recv(65536):
            parts.append(part)
    except ConnectionResetError:
        pass
    return b"".join(parts)


def wait_for(condition, what: str) -> None:
    until = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < until, f"{what} did not happen within {PATIENCE} s"
        time.sleep(0.02)


def test_it_says_where_it_listens_and_answers(hasty, png):
    assert set(hasty.said) == {"url", "model", "rules", "open"}
    assert hasty.said["open"] is False
    status, said = post(hasty, png)
    assert (status, said["model"]) == (200, hasty.said["model"])
    assert said["detections"]


@pytest.mark.parametrize("start", [b"", b"POST /v1/detect HTTP/1.1\r\nHost: x\r\nX-Slow: "])
def test_a_head_that_does_not_end_is_cut_off(connect, start):
    one = connect()
    one.sendall(start)
    assert everything(one).startswith(b"HTTP/1.1 408 ")


def test_a_head_in_drips_is_cut_off(connect):
    one = connect()
    with pytest.raises(OSError):  # noqa: PT011 - which one is up to the kernel
        for _ in range(PATIENCE * 10):
            one.sendall(b"G")
            time.sleep(0.1)


def test_a_second_head_that_does_not_end_is_cut_off(connect):
    one = connect()
    one.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    answer = b""
    while b"alive" not in answer:
        answer += one.recv(65536)
    one.sendall(b"GET /heal")
    assert everything(one).startswith(b"HTTP/1.1 408 ")


def head(length: str, **more: str) -> bytes:
    lines = {"Host": "x", "Content-Type": "image/png", **more}
    text = "".join(f"{key}: {value}\r\n" for key, value in lines.items())
    return f"POST /v1/detect HTTP/1.1\r\n{text}{length}\r\n\r\n".encode()


@pytest.mark.parametrize("drips", [False, True])
def test_a_body_that_does_not_come_is_408(connect, png, drips):
    one = connect()
    one.sendall(head("Content-Length: 5000"))
    one.sendall(png[:1000])
    if drips:
        one.settimeout(0.2)
        for byte in png[1000:1999]:
            try:
                one.sendall(bytes([byte]))
                answer = one.recv(65536)
                break
            except TimeoutError:
                continue
        one.settimeout(PATIENCE)
    else:
        answer = one.recv(65536)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"connection: close" in answer.lower()


@pytest.mark.parametrize("closing", [False, True])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_that_is_too_large_is_413_and_the_client_gets_to_know(connect, chunked, closing):
    one = connect()
    more = {"Connection": "close"} if closing else {}
    block = b"x" * 50_000
    one.sendall(head("Transfer-Encoding: chunked" if chunked else "Content-Length: 500000", **more))
    time.sleep(0.2)  # until the refusal is there, for which no body is needed where its length is declared
    for _ in range(10):
        one.sendall(b"%x\r\n%s\r\n" % (len(block), block) if chunked else block)
    if chunked:
        one.sendall(b"0\r\n\r\n")
    answer = one.recv(65536)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert json.loads(answer.partition(b"\r\n\r\n")[2] or one.recv(65536))["error"].startswith("expected a body")


def test_a_body_without_end_after_its_refusal_is_cut_off(connect):
    one = connect()
    one.sendall(head("Transfer-Encoding: chunked"))
    block = b"x" * 50_000
    with pytest.raises(OSError):  # noqa: PT011 - which one is up to the kernel
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            one.sendall(b"%x\r\n%s\r\n" % (len(block), block))
            time.sleep(0.05)


def test_a_client_that_takes_no_answer_is_cut_off(connect):
    one = connect()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    with pytest.raises(ConnectionError):
        while True:
            one.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * 100)


def test_garbage_is_refused(connect):
    for garbage in (b"\x16\x03\x01\x02\x00" * 30, b"BREW\r\n\r\n", b"x" * 100_000):
        one = connect()
        one.sendall(garbage)
        assert everything(one)[:13] in (b"HTTP/1.1 400 ", b"HTTP/1.1 408 ")


def test_so_many_connections_and_no_more(hasty, connect, png):
    held = [connect() for _ in range(8)]
    for one in held:
        one.sendall(b"GET")
    refused = everything(connect())
    assert refused.startswith(b"HTTP/1.1 503 ")
    assert b"Retry-After: 1\r\n" in refused
    for one in held:
        one.close()
    wait_for(lambda: get(hasty, "/healthz")[0] == 200, "a free place")


def test_clients_that_leave_do_no_harm(hasty, connect, png):
    for end in (0, 10, len(png) // 2, len(png)):
        one = connect()
        one.sendall(head(f"Content-Length: {len(png)}") + png[:end])
        one.close()
    wait_for(lambda: post(hasty, png)[0] == 200, "an answer")


def test_after_all_that_nothing_is_left_behind(hasty):
    def quiet() -> bool:
        status, text = get(hasty, "/metrics")
        return status == 200 and b"yolo_tl_in_flight 1.0" in text and b"yolo_tl_queue_depth 0.0" in text

    wait_for(quiet, "an end of all requests")
    assert b'status="500"' not in get(hasty, "/metrics")[1]
    hasty.popen.send_signal(signal.SIGINT)
    code, errors = hasty.end()
    assert (code, errors) == (0, "")


def test_told_to_stop_it_says_so_first_and_finishes_what_it_accepted(bundle, processes, png, tmp_path):
    process = processes(bundle, "--drain", "2", str(tmp_path / "gate"), code=HELD)
    answers: list[int] = []
    clients = [threading.Thread(target=lambda: answers.append(post(process, png)[0])) for _ in range(4)]
    for client in clients:
        client.start()
    wait_for((tmp_path / "begun").exists, "the first look")
    wait_for(lambda: b"yolo_tl_queue_depth 3.0" in get(process, "/metrics")[1], "a queue")
    process.popen.send_signal(signal.SIGTERM)

    def refuses() -> bool:
        status, text = get(process, "/readyz")
        return status == 503 and b"shutting down" in text

    wait_for(refuses, "an unready server that still accepts")

    def closed() -> bool:
        try:
            socket.create_connection(("127.0.0.1", process.port), timeout=PATIENCE).close()
        except OSError:
            return True
        return False

    wait_for(closed, "an end of accepting")
    assert process.popen.poll() is None
    assert answers == []
    (tmp_path / "gate").touch()
    for client in clients:
        client.join(PATIENCE)
    assert answers == [200] * 4
    assert process.end() == (0, "")


def test_a_key_from_a_file_and_a_port_that_is_taken(bundle, processes, png, tmp_path):
    (tmp_path / "key").write_text(f"{KEY}\n")
    process = processes(bundle, "--api-key-file", str(tmp_path / "key"), "--host", "0.0.0.0")
    assert process.said["open"] is False
    assert post(process, png)[0] == 401
    assert post(process, png, **{"X-API-Key": KEY})[0] == 200
    taken = CliRunner().invoke(command, [str(bundle), "--host", "0.0.0.0", "--port", str(process.port)])
    assert isinstance(taken.exception, RuntimeFailure)
    assert "cannot listen there" in taken.exception.message
    process.popen.send_signal(signal.SIGTERM)
    assert process.end() == (0, "")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--models", "{folder}"], "API key with a folder of models"),
        (["--models", "{folder}/nothing"], "expected a folder of bundles"),
        (["--api-key-file", "{folder}/nothing"], "expected a file with a key"),
        (["--api-key-file", "{folder}/empty"], "API key of printable"),
        (["--host", "no.such.host.invalid"], "no.such.host.invalid:0: cannot listen there"),
        (["--rules", "sequence"], "of rule"),
    ],
)
def test_what_cannot_be_served_is_refused_at_the_start(bundle, tmp_path, monkeypatch, arguments, says):
    (tmp_path / "empty").touch()
    monkeypatch.delenv("YOLO_TL_API_KEY", raising=False)
    filled = [argument.format(folder=tmp_path) for argument in arguments]
    done = CliRunner().invoke(command, [str(bundle), "--port", "0", *filled])
    assert isinstance(done.exception, YoloTLError), done.output
    assert says in done.exception.message


def test_an_extra_that_is_missing_is_named(bundle):
    code = (
        "import sys; sys.modules['fastapi'] = None\n"
        "from yolo_tl.api.serving import serve\nfrom yolo_tl.errors import MissingExtra\n"
        "try: serve(sys.argv[1])\nexcept MissingExtra as error: print(error.message, error.hint)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(bundle)], capture_output=True, text=True, check=True)
    assert done.stdout == 'fastapi is needed for this and is not installed pip install "yolo-tl[serve]"\n'


def test_a_server_that_everybody_reaches_without_a_key_warns(bundle, monkeypatch):
    monkeypatch.setattr("yolo_tl.api.serving.serve", lambda *_, started, **__: started(LISTENING))
    done = CliRunner().invoke(command, [str(bundle), "--host", "0.0.0.0"])
    assert done.stdout == "listening on http://0.0.0.0:8000\n"
    assert "asks for no key" in done.stderr


def test_serving_imports_no_torch(bundle: Path):
    code = (
        "import sys, yolo_tl.serving.server, yolo_tl.serving.service\n"
        "print(sorted({n.partition('.')[0] for n in sys.modules} & {'torch', 'ultralytics', 'matplotlib', 'onnx'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
