from __future__ import annotations

import json
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from support.sinks import HEADER, decision

from yolo_tl.errors import ConfigError, MissingExtra, UsageError, WriteError
from yolo_tl.inspection.sinks import MqttAddress, MqttSink

BROKER = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
needs_broker = pytest.mark.skipif(BROKER is None, reason="no mosquitto")


class Broker:
    """A real broker on a port of its own, which can be stopped and started again."""

    def __init__(self, folder: Path, extra: str = "allow_anonymous true\n") -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._config = folder / "mosquitto.conf"
        self._config.write_text(f"listener {self.port} 127.0.0.1\nuser root\n{extra}")

    def start(self) -> None:
        self._process = subprocess.Popen([str(BROKER), "-c", str(self._config)], stderr=subprocess.PIPE, text=True)
        assert self._process.stderr is not None
        for line in self._process.stderr:
            if "running" in line:
                return
        raise AssertionError("the broker did not start")

    def stop(self) -> None:
        self._process.terminate()
        self._process.communicate()


class Listener:
    """Collects what is published."""

    def __init__(self, port: int, user: tuple[str, str] | None = None) -> None:
        from paho.mqtt.client import Client
        from paho.mqtt.enums import CallbackAPIVersion

        self.messages: list[tuple[str, bytes, bool]] = []
        self._changed = threading.Condition()
        self._ready = threading.Event()
        self._client: Any = Client(CallbackAPIVersion.VERSION2)
        if user is not None:
            self._client.username_pw_set(*user)
        self._client.on_connect = lambda client, *args: client.subscribe("line/#", qos=2)
        self._client.on_subscribe = lambda *args: self._ready.set()
        self._client.on_message = self._heard
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert self._ready.wait(60)

    def _heard(self, client: Any, userdata: Any, message: Any) -> None:
        with self._changed:
            self.messages.append((message.topic, message.payload, message.retain))
            self._changed.notify_all()

    def wait_for(self, topic: str, count: int) -> list[bytes]:
        def heard() -> list[bytes]:
            return [payload for name, payload, _ in self.messages if name == topic]

        with self._changed:
            assert self._changed.wait_for(lambda: len(heard()) >= count, 60), self.messages
            return heard()

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@contextmanager
def broker(folder: Path, extra: str = "allow_anonymous true\n") -> Iterator[Broker]:
    made = Broker(folder, extra)
    made.start()
    try:
        yield made
    finally:
        made.stop()


def opened(port: int, **options: Any) -> MqttSink:
    user = options.pop("user", "")
    sink = MqttSink(f"{user}127.0.0.1:{port}/line/1", **{"drain": 60, **options})
    sink.open(HEADER)
    return sink


def counted(sink: MqttSink) -> tuple[int, int, int]:
    return sink.counters.delivered, sink.counters.failed, sink.counters.dropped


@needs_broker
@pytest.mark.parametrize("qos", [1, 2])
def test_decisions_arrive_in_order_between_online_and_offline(tmp_path: Path, qos: int) -> None:
    with broker(tmp_path) as there:
        listener = Listener(there.port)
        sink = opened(there.port, qos=qos)
        said = [decision(0), decision(1, "PASS"), decision(2, "UNKNOWN")]
        for one in said:
            sink.write(one)
        sink.close()
        sink.close()
        heard = listener.wait_for("line/1", 3)
        assert [json.loads(payload) for payload in heard] == [json.loads(json.dumps(one.to_dict())) for one in said]
        assert listener.wait_for("line/1/state", 2) == [b"online", b"offline"]
        listener.close()
        late = Listener(there.port)
        assert late.wait_for("line/1/state", 1) == [b"offline"]
        late.close()
    assert counted(sink) == (3, 0, 0)


@needs_broker
def test_what_comes_while_the_broker_is_away_is_sent_when_it_is_back(tmp_path: Path) -> None:
    there = Broker(tmp_path)
    sink = opened(there.port, verdicts=["FAIL"], retain=True)
    sink.write(decision(0))
    there.start()
    listener = Listener(there.port)
    listener.wait_for("line/1", 1)
    listener.close()
    there.stop()
    sink.write(decision(1, "PASS"))
    sink.write(decision(2))
    there.start()
    listener = Listener(there.port)
    listener.wait_for("line/1", 1)
    sink.write(decision(3))
    frames = [json.loads(payload)["frame"] for payload in listener.wait_for("line/1", 2)]
    sink.close()
    listener.close()
    there.stop()
    assert frames[-2:] == [2, 3]
    assert counted(sink) == (3, 0, 0)


@needs_broker
def test_logging_in(tmp_path: Path) -> None:
    passwords = tmp_path / "passwords"
    if (tool := shutil.which("mosquitto_passwd")) is None:
        pytest.skip("no mosquitto_passwd")
    subprocess.run([tool, "-b", "-c", str(passwords), "line", "word"], check=True, capture_output=True)
    with broker(tmp_path, f"allow_anonymous false\npassword_file {passwords}\n") as there:
        listener = Listener(there.port, ("line", "word"))
        good = opened(there.port, user="line@", password="word")
        good.write(decision(0))
        good.close()
        assert len(listener.wait_for("line/1", 1)) == 1
        bad = opened(there.port, user="line@", password="wrong", drain=1)
        bad.write(decision(1))
        bad.close()
        listener.close()
    assert counted(good) == (1, 0, 0)
    assert counted(bad) == (0, 0, 1)


@needs_broker
def test_the_broker_says_when_the_inspection_was_killed(tmp_path: Path) -> None:
    with broker(tmp_path) as there:
        listener = Listener(there.port)
        sink = opened(there.port)
        listener.wait_for("line/1/state", 1)
        sink._client._sock_close()  # no good-bye, as of a process that is killed
        assert listener.wait_for("line/1/state", 2)[1] == b"offline"
        sink.close()
        listener.close()


def test_without_a_broker_what_finds_no_room_is_counted() -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
        waiting = opened(port, queue_size=2, drain=0.1)
        at_once = opened(port, qos=0, drain=0.1)
        required = opened(port, qos=0, drain=0.1, required=True)
        for number in range(5):
            waiting.write(decision(number))
            at_once.write(decision(number))
        assert waiting.counters.error == "127.0.0.1: the queue is full"
        with pytest.raises(WriteError, match="not connected"):
            required.write(decision(0))
        for sink in (waiting, at_once, required):
            sink.close()
    assert counted(waiting) == (0, 0, 5)
    assert counted(at_once) == (0, 0, 5)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("broker/a", MqttAddress("broker", "a", 1883)),
        ("mqtts://me%40x@broker/a/b", MqttAddress("broker", "a/b", 8883, True, "me@x")),
        ("mqtt://[::1]:99/a", MqttAddress("::1", "a", 99)),
    ],
)
def test_addresses(text: str, address: MqttAddress) -> None:
    assert MqttAddress.parse(text) == address


@pytest.mark.parametrize("text", ["broker", "broker/", "/a", "broker/a/#", "http://b/a", "b:x/a", "u:p@b/a", "b/a?c"])
def test_addresses_that_are_none(text: str) -> None:
    with pytest.raises(UsageError, match="expected"):
        MqttAddress.parse(text)


def test_what_cannot_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="qos"):
        MqttSink("b/a", qos=3)
    with pytest.raises(UsageError, match="certificates"):
        MqttSink("mqtts://b/a", ca=str(tmp_path / "none.pem"))
    monkeypatch.setitem(__import__("sys").modules, "paho.mqtt.client", None)
    with pytest.raises(MissingExtra, match=r"paho-mqtt"):
        MqttSink("b/a")
