"""The benchmark of the server: that it notices what must not happen; not its figures."""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "benchmarks"))

import serve
from serve_clients import TROUBLES, Tally, Target, behaving

KNOWN = {("a", 0): [{"box": [1.0]}], ("b", 0): []}


def response(status: int, model: str = "", detections: list | None = None, named: str = "") -> bytes:
    body = json.dumps({"model": named or model, "detections": detections}).encode()
    more = "Retry-After: 0\r\n" if status == 429 else f"X-Model: {model}\r\n"
    return f"HTTP/1.1 {status} X\r\n{more}Content-Length: {len(body)}\r\n\r\n".encode() + body


def tally_of(*responses: bytes) -> Tally:
    """What a client that behaves makes of these responses; an empty one closes the connection."""

    async def run() -> Tally:
        left, tally = list(responses), Tally()

        async def serve_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while left and await reader.readuntil(b"the image"):
                content = left.pop(0)
                if not left:
                    object.__setattr__(target, "ends", 0.0)
                writer.write(content)
                await writer.drain()
                if not content:
                    break
            writer.close()

        server = await asyncio.start_server(serve_one, "127.0.0.1", 0)
        target = Target(server.sockets[0].getsockname()[1], [b"the image"], KNOWN, time.monotonic() + 60)
        alone = random.Random(0)
        alone.random = lambda: 1.0  # no batch
        await behaving(target, tally, alone)
        server.close()
        return tally

    return asyncio.run(run())


def test_right_answers_of_either_model_are_right():
    tally = tally_of(response(200, "a", [{"box": [1.0]}]), response(429), response(200, "b", []))
    assert (tally.wrong, tally.lost, tally.failures) == (0, 0, 0)
    assert tally.models == {"a": 1, "b": 1}
    assert tally.good == {"200": 2, "429": 1}
    assert len(tally.latencies) == 2


@pytest.mark.parametrize(
    "wrong", [response(200, "a", []), response(200, "b", [{"box": [1.0]}]), response(200, "a", [{"box": [1.0]}], "b")]
)
def test_answers_of_another_model_are_noticed(wrong):
    assert tally_of(wrong, response(200, "b", [])).wrong == 1


def test_lost_requests_and_failures_are_noticed():
    assert tally_of(b"", response(200, "b", [])).lost == 1
    assert tally_of(response(404), response(200, "b", [])).lost == 1
    tally = tally_of(response(500), response(200, "b", []))
    assert (tally.lost, tally.failures) == (1, 1)


def test_every_kind_of_trouble_is_known_by_a_name():
    assert {"slow body", "aborted body", "malformed multipart", "wrong method", "huge body", "slow head"} <= set(
        TROUBLES
    )
    assert all("check" not in name and "question" not in name for name in TROUBLES)


def test_the_table_says_what_was_found():
    kept = json.loads((Path(serve.__file__).parent / "serve.json").read_text(encoding="utf-8"))
    text = serve.page(kept, "command")
    assert f"| growth of the median after the first minute | {kept['growth']:+.1%} | at most 5% |" in text
    assert text.splitlines()[4:] == (Path(serve.__file__).parent / "serve.md").read_text().splitlines()[4:]
    assert serve.page({**kept, "alive": False}, "command").rstrip().endswith("| the server | ended | alive |")
