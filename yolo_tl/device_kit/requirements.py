"""The packages that a bundle runs with here, to be installed in the same versions on a device."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from importlib import metadata

from yolo_tl.device_kit.markers import environment, holds
from yolo_tl.errors import BundleError, MissingExtra

BASE = ("click", "pyyaml", "numpy", "opencv-python", "msgspec")
"""What the base install of this package needs whatever the engine; a device without ONNX models has no ONNX Runtime."""

SERVE = ("fastapi", "uvicorn", "prometheus-client")
"""What the server needs beside it."""

ENGINES: dict[str, tuple[str, tuple[tuple[str, ...], ...]]] = {
    "onnx": ("", (("onnxruntime",), ("onnxruntime-gpu",))),
    "openvino": ("openvino", (("openvino",),)),
    "ncnn": ("ncnn", (("ncnn",),)),
    "litert": ("litert", (("ai-edge-litert",),)),
    "engine": (
        "tensorrt",
        tuple(
            ("cuda-bindings", f"tensorrt_lean_{cuda}_bindings", f"tensorrt_lean_{cuda}_libs")
            for cuda in ("cu13", "cu12")
        ),
    ),
}
"""Format of a bundle → the extra of this package that brings what runs it (none: the base install), and these packages.

Of several sets it is the first one that is here.
"""

HEADLESS = "opencv-python-headless"
# The same code but for windows, which a device does not open and whose libraries a slim system does not have.
_WINDOWED = frozenset({"opencv-python", "opencv-contrib-python", "opencv-contrib-python-headless"})


def requirements(format: str, *, serve: bool = False) -> list[str]:
    """Pinned requirements of a device, all that they need in turn included: ``name==version``, sorted.

    Args:
        format: of the bundle.
        serve: whether the device answers HTTP requests.

    Raises:
        BundleError: nothing here runs that format.
        MissingExtra: what runs it is not installed here, so that there is no version to pin.
    """
    return pinned([*BASE, *engine(format), *(SERVE if serve else ())], extra="serve" if serve else "")


def engine(format: str) -> Sequence[str]:
    """The packages that run a format, out of those that are installed.

    Raises:
        BundleError: nothing here runs it.
        MissingExtra: none of them is installed.
    """
    if format not in ENGINES:
        raise BundleError(
            f"format {format}: expected one of {', '.join(ENGINES)}", hint="this package runs no other on a device"
        )
    extra, choices = ENGINES[format]
    for choice in choices:
        if all(_version(name) for name in choice):
            return choice
    raise MissingExtra(next(name for name in choices[0] if not _version(name)), extra)


def pinned(names: Iterable[str], *, extra: str = "") -> list[str]:
    """``name==version`` of packages and of all that they need on a machine like this one.

    Args:
        names: of packages.
        extra: named in the error.

    Raises:
        MissingExtra: one is not installed here.
    """
    found: dict[str, str] = {}
    waiting = [(_canonical(name), frozenset[str]()) for name in names]
    seen = set()
    variables = environment()
    while waiting:
        name, extras = waiting.pop()
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        here = _installed(name)
        version = _version(here)
        if version is None:
            raise MissingExtra(name, extra)
        found[HEADLESS if here in {HEADLESS, *_WINDOWED} else name] = version
        for line in metadata.requires(here) or []:
            requirement, _, marker = line.partition(";")
            chosen = [{**variables, "extra": one} for one in extras or {""}]
            if not marker or any(holds(marker, one) for one in chosen):
                waiting.append(_parse(requirement))
    return [f"{name}=={found[name]}" for name in sorted(found)]


def _parse(requirement: str) -> tuple[str, frozenset[str]]:
    match = re.match(r"\s*([\w.-]+)\s*(?:\[([^\]]*)\])?", requirement)
    assert match, requirement
    extras = frozenset(part.strip() for part in (match[2] or "").split(",") if part.strip())
    return _canonical(match[1]), extras


def _installed(name: str) -> str:
    """Another package with the same content, where the one that is asked for is not here."""
    if name not in {HEADLESS, *_WINDOWED} or _version(name):
        return name
    return next((other for other in (HEADLESS, *sorted(_WINDOWED)) if _version(other)), name)


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
