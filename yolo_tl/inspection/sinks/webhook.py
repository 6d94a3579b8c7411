"""Decisions as HTTP POST requests, sent by a thread of their own."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import http.client
import queue
import random
import socket
import ssl
import threading
import time
import uuid
from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import urlsplit

from yolo_tl.errors import ConfigError, UsageError, WriteError
from yolo_tl.inspection.decision import Decision
from yolo_tl.inspection.sinks.sink import SinkCounters, encode, require_verdicts

_LONGEST_PAUSE = 30.0


class WebhookSink:
    """POSTs each decision as JSON, in their order, one request at a time.

    Only a status 2xx counts as delivered. A connection that fails, a status 5xx, 408 or 429 and a receiver that takes
    longer than `timeout` are tried again; any other status is final, a redirect included: the body would go to a place
    that nobody configured. A delivery that is tried again has the same ``X-Delivery``.

    Args:
        url: ``http://`` or ``https://``.
        verdicts: which decisions are sent.
        timeout: seconds for a whole request, from connecting to the answer.
        retries: how often a delivery is tried again.
        backoff: seconds before the first repetition; doubled each time, up to 30.
        queue_size: decisions that wait at most; more are dropped and counted.
        secret: with it ``X-Signature: sha256=…`` is the HMAC-SHA256 of the body.
        headers: sent with each request.
        ca: PEM file of authorities to trust instead of the system's.
        drain: seconds that `close` waits for what is queued.
        required: an inspection stops after a delivery that failed, or where the queue is full.

    Raises:
        UsageError: no such address.
        ConfigError: a value out of range.
    """

    name = "webhook"

    def __init__(
        self,
        url: str,
        *,
        verdicts: Collection[str] = ("FAIL", "UNKNOWN"),
        timeout: float = 5.0,
        retries: int = 4,
        backoff: float = 0.5,
        queue_size: int = 1000,
        secret: str | None = None,
        headers: Mapping[str, str] | None = None,
        ca: str | None = None,
        drain: float = 5.0,
        required: bool = False,
    ) -> None:
        if timeout <= 0 or retries < 0 or backoff < 0 or queue_size < 1 or drain < 0:
            raise ConfigError(
                "webhook: expected timeout > 0, retries, backoff and drain >= 0, and a queue of 1 or more"
            )
        self._address = _address(url)
        self.verdicts = require_verdicts(verdicts)
        self.timeout, self.retries, self.backoff, self.drain = timeout, retries, backoff, drain
        self.required = required
        self.counters = SinkCounters()
        self._secret = None if secret is None else secret.encode()
        self._headers = {"Content-Type": "application/json", "User-Agent": "yolo-tl", **(headers or {})}
        self._tls = ssl.create_default_context(cafile=ca) if self._address[0] == "https" else None
        self._queue_size = queue_size
        self._queue: queue.Queue[bytes | None]
        self._worker: threading.Thread | None = None

    def open(self, header: Mapping[str, Any]) -> None:
        """Start the thread that sends."""
        self._queue = queue.Queue(self._queue_size)
        self._ending, self._given_up = threading.Event(), threading.Event()
        self._worker = threading.Thread(target=self._send_all, name="webhook", daemon=True)
        self._worker.start()

    def write(self, decision: Decision) -> None:
        """Queue a decision, if its verdict is one of those asked for.

        Raises:
            WriteError: the sink is required, and the queue is full or a delivery has failed.
        """
        if decision.verdict not in self.verdicts:
            return
        try:
            self._queue.put_nowait(encode(decision))
        except queue.Full:
            self.counters.drop(self.name, f"{self._queue_size} decisions wait already")
        if self.required and (self.counters.failed or self.counters.dropped):
            raise WriteError(f"{self.name}: {self.counters.error}", hint="check the receiver, or do not require it")

    def close(self) -> None:
        """Send what is queued, for `drain` seconds at most; what is left is dropped and counted."""
        worker, self._worker = self._worker, None
        if worker is None:
            return
        self._ending.set()
        with contextlib.suppress(queue.Full):  # a full queue: the thread sees the end by itself
            self._queue.put_nowait(None)
        worker.join(self.drain)
        self._given_up.set()
        with contextlib.suppress(queue.Empty):
            while True:
                if self._queue.get_nowait() is not None:
                    self.counters.drop(self.name, "the end came before it was sent")
        with contextlib.suppress(queue.Full):
            self._queue.put_nowait(None)
        worker.join(self.timeout + 1.0)

    def _send_all(self) -> None:
        while not (self._ending.is_set() and self._queue.empty()):
            body = self._queue.get()
            if body is not None:
                self._deliver(body)

    def _deliver(self, body: bytes) -> None:
        headers = {**self._headers, "X-Delivery": uuid.uuid4().hex}
        if self._secret is not None:
            headers["X-Signature"] = "sha256=" + hmac.new(self._secret, body, hashlib.sha256).hexdigest()
        for attempt in range(self.retries + 1):
            try:
                status = self._post(body, headers)
            except (OSError, http.client.HTTPException) as error:
                problem = f"{type(error).__name__}: {error}"
            else:
                if 200 <= status < 300:
                    self.counters.delivered += 1
                    return
                problem = f"the receiver answers {status}"
                if status < 500 and status not in (408, 429):
                    break
            pause = min(self.backoff * 2**attempt, _LONGEST_PAUSE) * random.uniform(0.8, 1.2)
            if attempt == self.retries or self._given_up.wait(pause):
                break
        self.counters.fail(self.name, problem)

    def _post(self, body: bytes, headers: Mapping[str, str]) -> int:
        scheme, host, port, path = self._address
        connection: http.client.HTTPConnection
        if scheme == "https":
            connection = http.client.HTTPSConnection(host, port, timeout=self.timeout, context=self._tls)
        else:
            connection = http.client.HTTPConnection(host, port, timeout=self.timeout)
        # The time-out of a socket starts anew with every byte; this one is for the whole request.
        deadline = threading.Timer(self.timeout, _cut, (connection,))
        deadline.daemon = True
        start = time.monotonic()
        try:
            deadline.start()
            connection.request("POST", path, body, dict(headers))
            return connection.getresponse().status
        except (OSError, http.client.HTTPException) as error:
            if time.monotonic() - start >= self.timeout:
                raise TimeoutError(f"no answer within {self.timeout:g} s") from error
            raise
        finally:
            deadline.cancel()
            connection.close()


def _cut(connection: http.client.HTTPConnection) -> None:
    if (sock := connection.sock) is not None:
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)


def _address(url: str) -> tuple[str, str, int | None, str]:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise UsageError(f"{url}: expected an address like http://host:port/path: {error}") from error
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
        raise UsageError(
            f"{parts.scheme}://{parts.hostname or ''}: expected an http:// or https:// address without a user",
            hint="credentials go into a header",
        )
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if any(ord(letter) <= 32 or ord(letter) > 126 for letter in path):
        raise UsageError(f"{url}: expected an address without spaces and control characters", hint="percent-encode it")
    return parts.scheme, parts.hostname, port, path
