"""Clients of a server, on plain sockets: some behave, the others are slow or broken."""

from __future__ import annotations

import asyncio
import base64
import inspect
import json
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

KEY = "of-the-benchmark"
PATIENCE = 60.0
"""Seconds after which a well-formed request counts as lost."""

Known = dict[tuple[str, int], Any]
"""Model and image → its detections."""


@dataclass
class Tally:
    """What became of all requests.

    Attributes:
        good: well-formed requests by status, or by how they were lost.
        bad: the others by what they were and how they ended.
        latencies: of the answered well-formed requests: when they ended and how long they took, s.
        wrong: answers that are not those of the model they name.
        models: answered requests by model.
    """

    good: Counter[str] = field(default_factory=Counter)
    bad: Counter[tuple[str, str]] = field(default_factory=Counter)
    latencies: list[tuple[float, float]] = field(default_factory=list)
    wrong: int = 0
    models: Counter[str] = field(default_factory=Counter)

    @property
    def lost(self) -> int:
        """Well-formed requests that got neither an answer nor an honest refusal."""
        return sum(count for status, count in self.good.items() if status not in ("200", "429", "503"))

    @property
    def failures(self) -> int:
        """Requests of any kind that the server failed on."""
        return self.good["500"] + sum(count for (_, end), count in self.bad.items() if end == "500")


@dataclass(frozen=True)
class Target:
    """Whom to ask, with what, and what is true.

    Attributes:
        port: on this machine.
        images: files as bytes.
        known: what each model finds in each.
        ends: on the monotonic clock.
    """

    port: int
    images: list[bytes]
    known: Known
    ends: float


class Connection:
    """One connection, opened when it is needed."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def send(self, content: bytes) -> None:
        """Bytes as they are."""
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        self._streams[1].write(content)
        await self._streams[1].drain()

    async def answer(self) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of one response."""
        assert self._streams is not None
        reader = self._streams[0]
        lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {key.lower(): value for key, _, value in (line.partition(": ") for line in lines[1:] if line)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        if headers.get("connection") == "close":
            self.close()
        return int(lines[0].split()[1]), headers, body

    def close(self) -> None:
        """Without a word."""
        if self._streams is not None:
            self._streams[1].transport.abort()
            self._streams = None


def request(content: bytes, *, method: str = "POST", kind: str = "image/jpeg", length: int | None = None) -> bytes:
    """A request with its body, of which more or less may be declared than there is."""
    declared = len(content) if length is None else length
    head = f"{method} /v1/detect HTTP/1.1\r\nHost: x\r\nX-API-Key: {KEY}\r\nContent-Type: {kind}\r\n"
    return f"{head}Content-Length: {declared}\r\n\r\n".encode() + content


async def behaving(target: Target, tally: Tally, chance: random.Random) -> None:
    """Ask one question after the other until the end; after a refusal wait as long as the server says, or less."""
    connection = Connection(target.port)
    while time.monotonic() < target.ends:
        numbers = [chance.randrange(len(target.images)) for _ in range(3 if chance.random() < 0.1 else 1)]
        began = time.monotonic()
        try:
            await connection.send(_question([target.images[number] for number in numbers]))
            status, headers, body = await asyncio.wait_for(connection.answer(), PATIENCE)
        except (OSError, asyncio.IncompleteReadError, asyncio.TimeoutError) as error:
            tally.good[type(error).__name__] += 1
            connection.close()
            continue
        tally.good[str(status)] += 1
        if status == 200:
            tally.latencies.append((time.monotonic(), time.monotonic() - began))
            _check(json.loads(body), headers["x-model"], numbers, target.known, tally)
        elif "retry-after" in headers:
            await asyncio.sleep(chance.uniform(0.1, 1) * float(headers["retry-after"]))
    connection.close()


def _question(images: list[bytes]) -> bytes:
    if len(images) == 1:
        return request(images[0])
    content = json.dumps({"images": [base64.b64encode(image).decode() for image in images]}).encode()
    return request(content, kind="application/json")


def _check(said: Any, model: str, numbers: list[int], known: Known, tally: Tally) -> None:
    predictions = said.get("predictions", [said])
    tally.models[model] += 1
    right = len(predictions) == len(numbers) and all(
        prediction["model"] == model and prediction["detections"] == known[model, number]
        for prediction, number in zip(predictions, numbers, strict=True)
    )
    tally.wrong += not right


Trouble = Callable[[Connection, bytes, random.Random], Awaitable[bool]]
"""Sends something; whether it waits for an answer."""


async def _slow_body(connection: Connection, image: bytes, chance: random.Random) -> bool:
    await connection.send(request(image[:100], length=len(image)))
    for byte in image[100:130]:
        await asyncio.sleep(chance.uniform(0, 0.4))
        await connection.send(bytes([byte]))
    return chance.random() < 0.5


async def _stalled_body(connection: Connection, image: bytes, chance: random.Random) -> bool:
    await connection.send(request(image[: len(image) // 2], length=len(image)))
    return True


async def _aborted_body(connection: Connection, image: bytes, chance: random.Random) -> bool:
    await connection.send(request(image[: chance.randrange(len(image))], length=len(image)))
    return False


async def _left_before_the_answer(connection: Connection, image: bytes, chance: random.Random) -> bool:
    await connection.send(request(image))
    return False


async def _damaged_image(connection: Connection, image: bytes, chance: random.Random) -> bool:
    content = bytearray(image)
    for _ in range(20):
        content[chance.randrange(len(content))] = chance.randrange(256)
    await connection.send(request(bytes(content)))
    return True


async def _truncated_image(connection: Connection, image: bytes, chance: random.Random) -> bool:
    await connection.send(request(image[: chance.randrange(len(image))]))
    return True


async def _garbage_image(connection: Connection, image: bytes, chance: random.Random) -> bool:
    await connection.send(request(chance.randbytes(5000)))
    return True


async def _huge_picture(connection: Connection, image: bytes, chance: random.Random) -> bool:
    header = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + (60_000).to_bytes(4, "big") * 2 + b"\x08\x02\0\0\0\0\0\0\0"
    await connection.send(request(header + bytes(500), kind="image/png"))
    return True


async def _malformed_multipart(connection: Connection, image: bytes, chance: random.Random) -> bool:
    content = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n' + image[:2000]
    await connection.send(request(content, kind="multipart/form-data; boundary=y"))
    return True


async def _malformed_batch(connection: Connection, image: bytes, chance: random.Random) -> bool:
    content = json.dumps({"images": [base64.b64encode(image).decode()] * 3}).encode()
    await connection.send(request(content[: chance.randrange(len(content))], kind="application/json"))
    return True


async def _wrong_method(connection: Connection, image: bytes, chance: random.Random) -> bool:
    await connection.send(request(b"", method=chance.choice(["GET", "PUT", "DELETE", "BREW"])))
    return True


async def _huge_body(connection: Connection, image: bytes, chance: random.Random) -> bool:
    await connection.send(request(bytes(1 << 20), length=1 << 30))
    return True


async def _endless_chunks(connection: Connection, image: bytes, chance: random.Random) -> bool:
    head = f"POST /v1/detect HTTP/1.1\r\nHost: x\r\nX-API-Key: {KEY}\r\nTransfer-Encoding: chunked\r\n\r\n"
    await connection.send(head.encode())
    for _ in range(60):
        await connection.send(b"100000\r\n" + bytes(1 << 20) + b"\r\n")
    return True


async def _slow_head(connection: Connection, image: bytes, chance: random.Random) -> bool:
    for letter in b"POST /v1/detect HTTP/1.1\r\nX-Slow: " + b"x" * 30:
        await connection.send(bytes([letter]))
        await asyncio.sleep(chance.uniform(0, 0.4))
    return True


async def _no_http(connection: Connection, image: bytes, chance: random.Random) -> bool:
    await connection.send(chance.randbytes(200) + b"\r\n\r\n")
    return True


async def _idle(connection: Connection, image: bytes, chance: random.Random) -> bool:
    await connection.send(b"")
    await asyncio.sleep(chance.uniform(0, 5))
    return False


TROUBLES: dict[str, Trouble] = {
    name.strip("_").replace("_", " "): trouble
    for name, trouble in list(globals().items())
    if inspect.iscoroutinefunction(trouble) and name.startswith("_")
}


async def troubling(target: Target, tally: Tally, chance: random.Random) -> None:
    """Send one broken or slow request after the other until the end, each on a connection of its own."""
    while time.monotonic() < target.ends:
        name = chance.choice(list(TROUBLES))
        connection = Connection(target.port)
        try:
            waits = await TROUBLES[name](connection, chance.choice(target.images), chance)
            end = str((await asyncio.wait_for(connection.answer(), PATIENCE))[0]) if waits else "left"
        except (OSError, asyncio.IncompleteReadError, asyncio.TimeoutError) as error:
            end = type(error).__name__
        finally:
            connection.close()
        tally.bad[name, end] += 1
        # Half a second between two: what is broken costs the server little, and would crowd out what is not.
        await asyncio.sleep(chance.uniform(0, 1) if name not in ("huge body", "endless chunks") else 2)
