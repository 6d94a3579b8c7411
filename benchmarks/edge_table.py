"""The table of ``benchmarks/edge.py``."""

from __future__ import annotations

from typing import Any

LIMITS = {"640": 1.03, "320": 1.055}


def table(told: dict[str, Any]) -> str:
    """All parts that there are figures of, as Markdown."""
    where = ", ".join(f"{key} {value}" for key, value in told["where"].items())
    lines = ["# The edge runtime beside Ultralytics", "", f"`python benchmarks/edge.py`: {where}.", ""]
    if "overhead" in told:
        lines += [
            "CPU ms of one image (1080 × 810), one engine thread, and in parentheses the ratio to `session.run` alone.",
            "",
            "| YOLO26n | `session.run` | `Detector()` | `Detector.observe` | Ultralytics | limit |",
            "|---|---:|---:|---:|---:|---:|",
        ]
        for name, row in told["overhead"].items():
            cells = [
                f"{row[key]:.2f} ({row[key + ' ratio']:.3f})" for key in ("ours call", "ours observe", "theirs call")
            ]
            lines.append(f"| {name} | {row['ours bare']:.2f} | {' | '.join(cells)} | {LIMITS[name.split(' ')[0]]} |")
        lines += [
            "",
            "The limits are ratios to an engine that took 62 ms at 640 and 16 ms at 320: 1.8 and 0.9 ms on top.",
            "",
        ]
    if "start" in told:
        lines += ["| | yolo_tl.edge | Ultralytics | limit |", "|---|---:|---:|---:|"]
        ours, theirs = told["start"]["ours"], told["start"]["theirs"]
        for title, key, form, limit in (
            ("import, CPU s", "imported", "{:.2f}", "0.18"),
            ("import and first result at 640, CPU s", "first", "{:.2f}", "0.45"),
            ("memory after it, MB", "resident", "{:.0f}", "165"),
        ):
            lines.append(f"| {title} | {form.format(ours[key])} | {form.format(theirs[key])} | {limit} |")
        lines.append("")
    if "install" in told:
        parts = ", ".join(f"{name} {value:.0f}" for name, value in told["install"]["packages"].items())
        lines += [
            f"`pip install yolo-tl[edge]` puts {told['install']['total']:.0f} MB into site-packages (limit 305): "
            f"{parts}.",
            "",
        ]
    if "parity" in told:
        lines += [
            "The same numbers as Ultralytics, to the last bit (turned boxes as sets):",
            "",
            "| | images | the same | detections | |",
            "|---|---:|---:|---:|---|",
        ]
        for row in told["parity"]:
            more = f"{row['stray']:,} of {row['pixels']:,} mask pixels differ" if "stray" in row else ""
            counts = " | ".join(f"{row[key]:,}" for key in ("images", "equal", "detections"))
            lines.append(f"| {row['task']}, {row['head']} | {counts} | {more} |")
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"
