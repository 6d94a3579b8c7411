"""The machine and the packages that a model runs with, asked without importing any engine."""

from __future__ import annotations

import contextlib
import os
import platform
import sys
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

RUNTIMES = (
    "numpy",
    "opencv-python",
    "opencv-python-headless",
    "onnxruntime",
    "onnxruntime-gpu",
    "openvino",
    "ncnn",
    "ai-edge-litert",
    "tensorrt",
    "tensorrt_lean_cu12",
    "tensorrt_lean_cu13",
)
"""Distributions that decide a result on a device."""

# Instructions that decide how fast, and for 8 bits also how exactly, a network is computed.
_X86 = ("avx", "avx2", "fma", "f16c", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_int8")
_ARM = ("asimd", "asimdhp", "asimddp", "i8mm", "bf16", "sve")


def machine() -> dict[str, Any]:
    """``platform``, ``cpu``, ``cores`` and, where the system tells them, the ``flags`` that matter."""
    said = _cpuinfo()
    flags = said.get("flags") or said.get("Features") or ""
    return {
        "platform": f"{platform.system()} {platform.machine()}",
        "cpu": said.get("model name") or platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "flags": sorted({*_X86, *_ARM} & set(flags.split())),
    }


def packages() -> dict[str, str]:
    """Installed version of Python and of each of `RUNTIMES` that is there."""
    found = {"python": sys.version.split()[0]}
    for name in RUNTIMES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


def resident_mb() -> dict[str, float | None]:
    """Resident memory of this process in MB: ``now``, and at its ``peak``; None where the system does not say."""
    found: dict[str, float] = {}
    with contextlib.suppress(OSError, ValueError, IndexError):
        # Not getrusage, whose peak counts what the parent had before this process was started from it.
        for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
            key, _, value = line.partition(":")
            if key in ("VmRSS", "VmHWM"):
                found[key] = int(value.split()[0]) / 1024
    return {"now": found.get("VmRSS"), "peak": found.get("VmHWM")}


def _cpuinfo() -> Mapping[str, str]:
    """The first processor of ``/proc/cpuinfo``; empty where there is none."""
    found: dict[str, str] = {}
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, value = line.partition(":")
            found.setdefault(key.strip(), value.strip())
    return found
