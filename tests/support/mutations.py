"""Annotation files as accidents and enemies leave them."""

from __future__ import annotations

import random
import re
from collections.abc import Callable

NUMBERS = [
    b"1e999", b"-1e999", b"NaN", b"nan", b"-1", b"0", b"1e-320", b"99999999999999999999999", b"-0.0", b"null", b"true",
    b'"abc"', b"[[]]", b"{}", b"1.5", b"0x10", b"1_000", b"", b"10000000", b"-2147483649", b"\xef\xbc\x95",
]  # fmt: skip
STRINGS = [
    b"", b"../../../etc/passwd", b"C:\\\\x\\\\y.jpg", b"/abs/x.jpg", b"\xff\xfe", b"a" * 5000, b"\\u0000", b"\\ud800",
    b"null", b"0", b"\xc3\xa9", b"<x>", b"&lol;", b"%00", b"%2e%2e%2f", b"s3://b/x.jpg", b"{}", b"\x00",
]  # fmt: skip

_NUMBER = re.compile(rb"-?\d+(?:\.\d+)?(?:e[+-]?\d+)?")
_STRING = re.compile(rb'"([^"\\]*)"|>([^<>\n]+)<')

Mutation = Callable[[bytes, random.Random], bytes]


def _span(content: bytes, rng: random.Random) -> tuple[int, int]:
    start = rng.randrange(len(content) + 1)
    return start, min(len(content), start + rng.choice([1, 2, 5, 20, 100, 500]))


def _truncate(content: bytes, rng: random.Random) -> bytes:
    return content[: rng.randrange(len(content) + 1)]


def _flip(content: bytes, rng: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(rng.choice([1, 1, 3, 10]) if changed else 0):
        changed[rng.randrange(len(changed))] = rng.randrange(256)
    return bytes(changed)


def _delete(content: bytes, rng: random.Random) -> bytes:
    start, end = _span(content, rng)
    return content[:start] + content[end:]


def _repeat(content: bytes, rng: random.Random) -> bytes:
    start, end = _span(content, rng)
    return content[:end] + content[start:end] * rng.choice([1, 2, 50]) + content[end:]


def _number(content: bytes, rng: random.Random) -> bytes:
    found = list(_NUMBER.finditer(content))
    for match in sorted(rng.sample(found, min(len(found), rng.choice([1, 1, 2, 5]))), key=lambda m: -m.start()):
        content = content[: match.start()] + rng.choice(NUMBERS) + content[match.end() :]
    return content


def _string(content: bytes, rng: random.Random) -> bytes:
    found = list(_STRING.finditer(content))
    if not found:
        return content
    match = rng.choice(found)
    group = 1 if match.group(1) is not None else 2
    return content[: match.start(group)] + rng.choice(STRINGS) + content[match.end(group) :]


def _value(content: bytes, rng: random.Random) -> bytes:
    """A JSON value of another type."""
    found = list(re.finditer(rb'(?<=:)\s*("[^"]*"|-?[\d.]+|\[[^\[\]]*\]|\{[^{}]*\}|null|true|false)', content))
    if not found:
        return content
    match = rng.choice(found)
    other = rng.choice([b"null", b"[]", b"{}", b'""', b"-1", b"[null]", b'[{"a": 1}]', b"1e400", b'"x"', b"false"])
    return content[: match.start()] + other + content[match.end() :]


def _lines(content: bytes, rng: random.Random) -> bytes:
    lines = content.split(b"\n")
    i = rng.randrange(len(lines))
    action = rng.choice(["delete", "repeat", "shuffle", "blank", "words"])
    if action == "delete":
        del lines[i]
    elif action == "repeat":
        lines.insert(i, lines[i])
    elif action == "shuffle":
        rng.shuffle(lines)
    elif action == "blank":
        lines[i] = b"   "
    else:
        words = lines[i].split(b" ")
        rng.shuffle(words)
        lines[i] = b" ".join(words[: rng.randrange(1, len(words) + 1)])
    return b"\n".join(lines)


def _encode(content: bytes, rng: random.Random) -> bytes:
    text = content.decode("utf-8", "replace")
    return text.encode(rng.choice(["utf-8-sig", "utf-16", "utf-16-le", "utf-32", "latin-1", "cp1252"]), "replace")


def _nest(content: bytes, rng: random.Random) -> bytes:
    start = rng.randrange(len(content) + 1)
    return content[:start] + rng.choice([b"[", b'{"a":', b"<a>", b"("]) * 20000 + content[start:]


def _entities(content: bytes, rng: random.Random) -> bytes:
    del rng
    laughs = b"".join(b'<!ENTITY l%d "%s">' % (i, b"&l%d;" % (i - 1) * 10) for i in range(1, 9))
    return b'<!DOCTYPE a [<!ENTITY l0 "ha">' + laughs + b"]>" + content.replace(b"cat", b"&l8;")


def _replace_all(content: bytes, rng: random.Random) -> bytes:
    return rng.choice([b"", b"\x00" * 1000, b"null", b"[]", b"{}", b"<a/>", b"\n\n\n", rng.randbytes(500), b"0"])


MUTATIONS: list[Mutation] = [
    _truncate, _flip, _delete, _repeat, _number, _number, _number, _string, _string, _value, _value, _lines, _encode,
    _nest, _entities, _replace_all,
]  # fmt: skip


def mutate(content: bytes, rng: random.Random) -> bytes:
    """One accident, sometimes two."""
    for _ in range(rng.choice([1, 1, 1, 2])):
        content = rng.choice(MUTATIONS)(content, rng)
    return content
