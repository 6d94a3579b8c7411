from __future__ import annotations

import hashlib
import hmac
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from support.sinks import HEADER, decision

from yolo_tl.errors import ConfigError, UsageError, WriteError
from yolo_tl.inspection.sinks import WebhookSink

Answer = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with self.server.changed:
            self.server.requests.append((self.path, dict(self.headers), body))
            number = len(self.server.requests) - 1
            self.server.changed.notify_all()
        self.server.answer(self, number)

    def log_message(self, *args: Any) -> None: ...


class Receiver(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, answer: Callable[[Handler, int], None]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answer = answer
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.changed = threading.Condition()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hook?line=1"

    def wait_for(self, count: int) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.requests) >= count, 60)


@contextmanager
def receiver(answer: Callable[[Handler, int], None]) -> Iterator[Receiver]:
    server = Receiver(answer)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def says(*statuses: int) -> Callable[[Handler, int], None]:
    """Answer with each status in turn, then with the last of them."""

    def answer(handler: Handler, number: int) -> None:
        handler.send_response(statuses[min(number, len(statuses) - 1)])
        handler.end_headers()

    return answer


def opened(url: str, **options: Any) -> WebhookSink:
    sink = WebhookSink(url, **{"backoff": 0.01, "drain": 60, **options})
    sink.open(HEADER)
    return sink


def counted(sink: WebhookSink) -> tuple[int, int, int]:
    return sink.counters.delivered, sink.counters.failed, sink.counters.dropped


def test_what_is_not_pass_is_sent_in_order_and_signed() -> None:
    with receiver(says(204)) as server:
        sink = opened(server.url, secret="schlüssel", headers={"Authorization": "Bearer x"})
        sent = [decision(0), decision(1, "PASS"), decision(2, "UNKNOWN"), decision(3)]
        for one in sent:
            sink.write(one)
        sink.close()
        sink.close()
        sink.open(HEADER)
        sink.write(decision(4))
        sink.close()
    assert [json.loads(body)["frame"] for _, _, body in server.requests] == [0, 2, 3, 4]
    path, headers, body = server.requests[0]
    assert path == "/hook?line=1"
    assert json.loads(body) == json.loads(json.dumps(sent[0].to_dict()))
    assert headers["Authorization"] == "Bearer x"
    assert headers["Content-Type"] == "application/json"
    assert headers["X-Signature"] == "sha256=" + hmac.new("schlüssel".encode(), body, hashlib.sha256).hexdigest()
    assert counted(sink) == (4, 0, 0)


def test_what_may_pass_is_tried_again_as_the_same_delivery() -> None:
    with receiver(says(500, 429, 200)) as server:
        sink = opened(server.url)
        sink.write(decision(0))
        sink.close()
    assert counted(sink) == (1, 0, 0)
    assert len({headers["X-Delivery"] for _, headers, _ in server.requests}) == 1
    assert len({body for _, _, body in server.requests}) == 1 < len(server.requests) == 3


@pytest.mark.parametrize(("status", "tries"), [(400, 1), (404, 1), (302, 1), (503, 3)])
def test_what_will_not_pass_is_given_up(status: int, tries: int) -> None:
    def answer(handler: Handler, number: int) -> None:
        handler.send_response(status)
        handler.send_header("Location", "file:///etc/passwd")
        handler.end_headers()

    with receiver(answer) as server:
        sink = opened(server.url, retries=2)
        sink.write(decision(0))
        sink.close()
    assert len(server.requests) == tries
    assert counted(sink) == (0, 1, 0)
    assert sink.counters.error == f"the receiver answers {status}"


def test_a_receiver_that_refuses_or_breaks_off() -> None:
    with socket.socket() as reserved:  # bound and not listening: nobody else can answer there
        reserved.bind(("127.0.0.1", 0))
        sink = opened(f"http://127.0.0.1:{reserved.getsockname()[1]}/", retries=1)
        sink.write(decision(0))
        sink.close()
    assert counted(sink) == (0, 1, 0)
    assert "refused" in sink.counters.error
    with receiver(lambda handler, number: handler.connection.close()) as server:
        sink = opened(server.url, retries=0)
        sink.write(decision(0))
        sink.close()
    assert counted(sink) == (0, 1, 0)


def test_a_receiver_that_trickles_is_cut_off() -> None:
    done = threading.Event()

    def trickle(handler: Handler, number: int) -> None:
        while not done.wait(0.05):  # each byte would start a time-out of the socket anew
            try:
                handler.wfile.write(b"H")
            except OSError:
                return

    with receiver(trickle) as server:
        sink = opened(server.url, timeout=0.3, retries=0)
        start = time.monotonic()
        sink.write(decision(0))
        sink.close()
        took = time.monotonic() - start
        done.set()
    assert counted(sink) == (0, 1, 0)
    assert "no answer within 0.3 s" in sink.counters.error
    assert took < 30


def test_a_slow_receiver_delays_nobody_and_what_finds_no_room_is_counted() -> None:
    go = threading.Event()

    def slow(handler: Handler, number: int) -> None:
        assert go.wait(60)
        says(200)(handler, number)

    with receiver(slow) as server:
        sink = opened(server.url, queue_size=2, timeout=60)
        sink.write(decision(0))
        server.wait_for(1)  # on its way, so that the queue is empty
        for number in range(1, 6):
            sink.write(decision(number))
        assert sink.counters.dropped == 3
        go.set()
        sink.close()
    assert [json.loads(body)["frame"] for _, _, body in server.requests] == [0, 1, 2]
    assert counted(sink) == (3, 0, 3)


def test_the_end_waits_only_so_long() -> None:
    go = threading.Event()

    def slow(handler: Handler, number: int) -> None:
        go.wait(60)

    with receiver(slow) as server:
        sink = opened(server.url, timeout=0.5, drain=0.2, retries=100, backoff=30)
        for number in range(3):
            sink.write(decision(number))
        server.wait_for(1)
        sink.close()
        assert sink.counters.dropped == 2
        deadline = time.monotonic() + 60
        while not sink.counters.failed and time.monotonic() < deadline:
            time.sleep(0.01)
        go.set()
    assert counted(sink) == (0, 1, 2)


def test_a_required_receiver_stops_what_cannot_be_told() -> None:
    with receiver(says(410)) as server:
        sink = opened(server.url, required=True)
        sink.write(decision(0))
        deadline = time.monotonic() + 60
        while not sink.counters.failed and time.monotonic() < deadline:
            time.sleep(0.01)
        with pytest.raises(WriteError, match="the receiver answers 410"):
            sink.write(decision(1))
        sink.close()


@pytest.mark.parametrize(
    "url",
    [
        "ftp://host/",
        "file:///etc/passwd",
        "host/path",
        "http://",
        "http://a:b@host/",
        "http://h:99999/",
        "http://h/a b",
    ],
)
def test_addresses_that_are_none(url: str) -> None:
    with pytest.raises(UsageError, match="expected an"):
        WebhookSink(url)


def test_values_out_of_range() -> None:
    with pytest.raises(ConfigError, match="timeout > 0"):
        WebhookSink("http://host/", timeout=0)
    with pytest.raises(UsageError, match="verdicts"):
        WebhookSink("http://host/", verdicts="FAIL")
