"""Decisions as MQTT messages."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from yolo_tl.errors import ConfigError, MissingExtra, UsageError, WriteError
from yolo_tl.inspection.decision import Decision
from yolo_tl.inspection.sinks.sink import LOGGER, VERDICTS, SinkCounters, encode, require_verdicts


@dataclass(frozen=True)
class MqttAddress:
    """Where messages go.

    Attributes:
        host: name or address of the broker.
        topic: of the decisions; ``TOPIC/state`` says ``online`` or ``offline``.
        port: of the broker.
        tls: whether the connection is encrypted.
        user: name to log in with.
    """

    host: str
    topic: str
    port: int
    tls: bool = False
    user: str | None = None

    @classmethod
    def parse(cls, text: str) -> MqttAddress:
        """Read ``[mqtt://|mqtts://][USER@]HOST[:PORT]/TOPIC``.

        >>> MqttAddress.parse("broker/line/1")
        MqttAddress(host='broker', topic='line/1', port=1883, tls=False, user=None)

        Raises:
            UsageError: no such address, or a password in it.
        """
        try:
            parts = urlsplit(text if "://" in text else f"mqtt://{text}")
            port = parts.port
        except ValueError as error:
            raise UsageError(f"{text}: expected HOST[:PORT]/TOPIC: {error}") from error
        topic = parts.path[1:]
        if parts.password is not None:
            raise UsageError("mqtt: expected an address without a password", hint="hand the password over separately")
        if parts.scheme not in ("mqtt", "mqtts") or not parts.hostname or parts.query or "#" in text:
            raise UsageError(f"{text}: expected HOST[:PORT]/TOPIC, mqtt://… or mqtts://…")
        if not topic or any(letter in topic for letter in "+#\0"):
            raise UsageError(f"{text}: expected a topic without + and #, found {topic!r}")
        tls = parts.scheme == "mqtts"
        user = None if parts.username is None else unquote(parts.username)
        return cls(parts.hostname, topic, port or (8883 if tls else 1883), tls, user)


class MqttSink:
    """Publishes each decision as JSON; connects and reconnects in the background.

    ``TOPIC/state`` is retained and says ``online``; the broker sets it to ``offline`` when the inspection is gone,
    however it ended. Whoever listens can tell silence from PASS.

    Args:
        address: of broker and topic, or its text (see `MqttAddress.parse`).
        verdicts: which decisions are published.
        qos: 0 at most once, 1 at least once, 2 exactly once. With 0, what is published without a connection is lost,
            and counted as dropped.
        retain: whether the broker keeps the last decision for those who come later.
        queue_size: messages that wait for the broker at most; more are dropped and counted.
        password: of the user in `address`.
        ca: PEM file of authorities to trust instead of the system's.
        certificate: PEM file to log in with, and
        key: its private key.
        keepalive: seconds after which broker and client notice that the other is gone.
        drain: seconds that `close` waits for the broker.
        required: an inspection stops where a message is dropped.

    Raises:
        MissingExtra: paho-mqtt is not installed.
        UsageError: no such address.
        ConfigError: a value out of range.
    """

    name = "mqtt"

    def __init__(
        self,
        address: MqttAddress | str,
        *,
        verdicts: Collection[str] = VERDICTS,
        qos: int = 1,
        retain: bool = False,
        queue_size: int = 1000,
        password: str | None = None,
        ca: str | None = None,
        certificate: str | None = None,
        key: str | None = None,
        keepalive: int = 30,
        drain: float = 5.0,
        required: bool = False,
    ) -> None:
        if qos not in (0, 1, 2) or not 1 <= queue_size <= 60000 or not 1 <= keepalive <= 65535 or drain < 0:
            raise ConfigError("mqtt: expected qos 0..2, a queue of 1..60000, keepalive 1..65535 and drain >= 0")
        self.address = MqttAddress.parse(address) if isinstance(address, str) else address
        self.verdicts = require_verdicts(verdicts)
        self.qos, self.retain, self.keepalive, self.drain, self.required = qos, retain, keepalive, drain, required
        self.counters = SinkCounters()
        try:
            from paho.mqtt.client import Client
            from paho.mqtt.enums import CallbackAPIVersion
        except ImportError as error:
            raise MissingExtra("paho-mqtt", "mqtt") from error
        client: Any = Client(CallbackAPIVersion.VERSION2)
        client.max_queued_messages_set(queue_size)
        client.reconnect_delay_set(1, 30)
        client.will_set(self._state, "offline", qos=1, retain=True)
        if self.address.user is not None:
            client.username_pw_set(self.address.user, password)
        if self.address.tls:
            try:
                client.tls_set(ca_certs=ca, certfile=certificate, keyfile=key)
            except (OSError, ValueError) as error:
                raise UsageError(f"mqtt: the certificates cannot be used: {error}", hint="PEM files") from error
        client.on_connect, client.on_publish = self._connected, self._published
        self._client = client
        self._changed = threading.Condition()
        self._waiting: set[int] = set()  # numbers of messages that the broker does not have yet
        self._early: set[int] = set()  # of those it had before `write` knew them
        self._greetings: set[int] = set()  # of those that are no decisions
        self._closed = True
        self._drained = False

    @property
    def _state(self) -> str:
        return f"{self.address.topic}/state"

    def open(self, header: Mapping[str, Any]) -> None:
        """Start to connect; the broker need not be there yet."""
        self._closed = self._drained = False
        self._waiting.clear()
        self._client.connect_async(self.address.host, self.address.port, self.keepalive)
        self._client.loop_start()

    def write(self, decision: Decision) -> None:
        """Hand a decision to the client, if its verdict is one of those asked for.

        Raises:
            WriteError: the sink is required, and the message had to be dropped.
        """
        if decision.verdict not in self.verdicts:
            return
        info = self._client.publish(self.address.topic, encode(decision), qos=self.qos, retain=self.retain)
        # With QoS 1 and 2 a message waits in the client for the connection to come (back).
        if info.rc == 0 or (self.qos and info.rc == _NO_CONNECTION):
            with self._changed:
                if info.mid in self._early:  # the broker was faster than this thread
                    self._early.remove(info.mid)
                else:
                    self._waiting.add(info.mid)
            return
        reason = f"{self.address.host}: {'the queue is full' if info.rc == _QUEUE_FULL else 'not connected'}"
        self.counters.drop(self.name, reason)
        if self.required:
            raise WriteError(f"{self.name}: {reason}", hint="check the broker, or do not require it")

    def close(self) -> None:
        """Wait for the broker, for `drain` seconds at most; what is left is dropped and counted."""
        if self._closed:
            return
        self._closed = True
        with self._changed:
            self._changed.wait_for(lambda: not self._waiting, self.drain)
            left = len(self._waiting)
            self._drained = True
        for _ in range(left):
            self.counters.drop(self.name, "the end came before the broker had it")
        if self._client.is_connected():
            # A proper good-bye keeps the broker from sending the last will, so it is said here.
            with contextlib.suppress(ValueError, RuntimeError):  # the connection is lost this moment
                self._client.publish(self._state, "offline", qos=1, retain=True).wait_for_publish(min(self.drain, 1.0))
        self._client.disconnect()
        self._client.loop_stop()

    def _connected(self, client: Any, userdata: Any, flags: Any, reason: Any, properties: Any) -> None:
        if reason.is_failure:
            self.counters.error = f"{self.address.host}: {reason}"
            LOGGER.warning("%s: %s", self.name, self.counters.error)
        else:  # in the thread that will hear of its arrival, so the number is known in time
            self._greetings.add(client.publish(self._state, "online", qos=1, retain=True).mid)

    def _published(self, client: Any, userdata: Any, mid: int, reason: Any, properties: Any) -> None:
        with self._changed:
            if self._drained or mid in self._greetings:
                self._greetings.discard(mid)
                return
            if mid in self._waiting:
                self._waiting.remove(mid)
            else:
                self._early.add(mid)
            self.counters.delivered += 1
            self._changed.notify_all()


_NO_CONNECTION, _QUEUE_FULL = 4, 15
