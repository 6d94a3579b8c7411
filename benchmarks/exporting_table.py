"""The table of the export benchmark."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

TIME, PEER, LOSS, FLIPS, QUICK = 0.62, 2.4, 0.005, 30, 0.70
"""Targets: time of float, Ultralytics' 8 bits over ours, loss of mAP50-95; flips of 72, and the time they may take."""


def page(kept: Mapping[str, Any]) -> str:
    """Markdown of everything that was measured."""
    versions = ", ".join(f"{name} {version}" for name, version in kept.get("versions", {}).items())
    parts = (
        ("floats", "Float exports against the checkpoint", _floats),
        ("eight_bits", "8 bits against float32 ONNX", _eight_bits),
        ("tasks", "YOLO26n, every task and head", _tasks),
        ("caught", "Damaged exports", _caught),
        ("speed", "How long `verify` takes", _speed),
    )
    lines = [
        "# Exports",
        "",
        "Written by `benchmarks/export.py`. CPU, one thread where times are compared; not run on GPU.",
        "",
        f"{versions}.",
        "",
        "An image flips where another number of objects of a class is found at confidence 0.25; in brackets the 95 % "
        "interval of the share (Wilson). A flip within 0.001 of the threshold counts as at the threshold.",
    ]
    for key, title, write in parts:
        lines += ["", f"## {title}", ""]
        lines += write(kept[key]) if key in kept else ["Not run."]
    return "\n".join(lines) + "\n"


def _floats(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    said = [
        (r["artifact"], _share(r), r.get("at_threshold", ""), _short(r.get("box")), _short(r.get("score")))
        for r in rows
    ]
    lines = _table(("artifact", "images that flip", "at the threshold", "box, px", "score"), said)
    held = all(row["flips"] == 0 for row in rows[:2])
    return [*lines, "", f"- target: ONNX and OpenVINO flip no image: {_verdict(held)}"]


def _eight_bits(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    said = []
    for row in rows:
        if "time" not in row:
            said.append((row["artifact"], "", "", "", "", row["notes"]))
            continue
        ratio = row["time"]
        time = f"{ratio['median']:.2f} [{ratio['low']:.2f}, {ratio['high']:.2f}]"
        peer = f"{1 / row['to_peer']['median']:.2f} x"
        interval = "" if row["interval"] is None else f" [{row['interval'][0]:+.4f}, {row['interval'][1]:+.4f}]"
        said.append((row["artifact"], time, peer, _share(row), f"{row['loss']:+.4f}{interval}", row["notes"]))
    header = ("artifact", "time of float32", "faster than Ultralytics'", "images that flip", "loss of mAP50-95", "how")
    ours = [
        row for row in rows if "time" in row and "INT8 ONNX, " in row["artifact"] and "Ultra" not in row["artifact"]
    ]
    fast = [r for r in ours if r["time"]["median"] <= TIME and 1 / r["to_peer"]["median"] >= PEER and r["loss"] <= LOSS]
    few = [r for r in ours if r["flips"] <= FLIPS and r["time"]["median"] <= QUICK]
    return [
        *_table(header, said),
        "",
        f"- target: in at most {TIME} of the time, {PEER} x faster than Ultralytics', loss of mAP at most {LOSS}: "
        f"{_verdict(bool(fast))}",
        f"- target: at most {FLIPS} of 72 images flip in at most {QUICK} of the time: {_verdict(bool(few))}",
    ]


def _tasks(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    keys = ("task", "head", "gate", "detections", "box", "score", "golden", "selftest")
    lines = _table(keys, [[_short(row.get(key, "")) for key in keys] for row in rows])
    held = all(row["gate"] == "passed" and row["selftest"] == "passed" for row in rows)
    return [
        "Random weights, 8 images, NMS-free heads limited to 50 boxes.",
        "",
        *lines,
        "",
        f"- target: all pass gate and self-test: {_verdict(held)}",
    ]


def _caught(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    said = [
        (row["damage"], row["expected"], ", ".join(row["stages"]), _share(row), _short(row["loss"])) for row in rows
    ]
    lines = _table(("damage", "stage", "named by the gate", "images that flip", "loss of mAP50-95"), said)
    held = all(row["stages"] == [row["expected"]] for row in rows)
    return [*lines, "", f"- target: each is refused, at the right stage: {_verdict(held)}"]


def _speed(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    (row,) = rows
    return [
        f"`verify` of {row['images']} images: the checkpoint, ONNX, OpenVINO and TorchScript take {row['cpu']:.1f} "
        f"CPU-s, {row['wall']:.1f} s by the clock of a shared machine.",
        "",
        f"- target: at most 30 s: {_verdict(row['wall'] <= 30)}",
    ]


def _share(row: Mapping[str, Any]) -> str:
    interval = f" [{row['low']:.2f}, {row['high']:.2f}]" if "low" in row else ""
    return f"{row['flips']} of {row['of']}{interval}"


def _short(value: Any) -> str:
    return f"{value:.2g}" if isinstance(value, float) else "" if value is None else str(value)


def _verdict(held: bool) -> str:
    return "**met**" if held else "**missed**"


def _table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> list[str]:
    lines = [f"| {' | '.join(header)} |", "|" + " --- |" * len(header)]
    return [*lines, *(f"| {' | '.join(str(cell) for cell in row)} |" for row in rows)]
