"""TensorRT plans on the disk: plain with a JSON sidecar, or behind the header that Ultralytics writes.

``trtexec``, Triton and DeepStream read plain plans only, so ours are plain: ``model.engine`` and ``model.engine.json``.
Ultralytics writes one file: the length of a JSON text (4 bytes, little-endian, signed), the text, the plan.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from yolo_tl.edge.engine_info import EngineInfo
from yolo_tl.errors import BundleError, UsageError
from yolo_tl.files import atomic_path, sha256, write_json

_TAG = 0x74727466
_PLAN_HEADER = 28  # bytes up to and with the version (printPlanVersion in TensorRT's samples/common/sampleEngines.cpp)


@dataclass(frozen=True)
class EngineFile:
    """A plan on the disk, not loaded.

    Attributes:
        path: the file.
        offset: where the plan begins.
        info: what is known of it.
    """

    path: Path
    offset: int
    info: EngineInfo

    def plan(self) -> bytes:
        """The plan.

        Raises:
            BundleError: it is not the one that its sidecar speaks of.
        """
        with self.path.open("rb") as stream:
            stream.seek(self.offset)
            plan = stream.read()
        if self.info.sha256 is not None and hashlib.sha256(plan).hexdigest() != self.info.sha256:
            raise BundleError(
                f"{self.path}: expected the plan of {sidecar(self.path).name}, found another or a damaged one",
                hint="copy both files again, or build the plan again",
            )
        return plan


def sidecar(path: Path) -> Path:
    """Where the sidecar of a plan lies."""
    return path.with_name(path.name + ".json")


def read_engine(path: Path) -> EngineFile:
    """Read what is known of a plan, ours or Ultralytics', without loading it.

    Raises:
        BundleError: it is missing or empty, or neither has a header nor a sidecar.
    """
    if not path.is_file() or path.stat().st_size == 0:
        raise BundleError(f"{path}: expected a TensorRT plan, found nothing", hint="check the path")
    offset, metadata = header(path)
    beside = sidecar(path)
    if beside.is_file():
        return EngineFile(path, offset, _read_sidecar(beside))
    if metadata is None:
        raise BundleError(
            f"{path}: expected {beside.name} beside the plan, found none",
            hint="copy it with the plan; a plan alone does not say what its network is",
        )
    # The same rules for values that came through JSON as for those of a sidecar.
    said = EngineInfo(_plan_version(path, offset), metadata, dla=metadata.get("dla"))
    return EngineFile(path, offset, EngineInfo.from_json(said.to_json(), path=path))


def write_engine(path: Path, plan: Any, info: EngineInfo) -> EngineInfo:
    """Write a plain plan and its sidecar; neither is ever there in part.

    Args:
        path: the file.
        plan: bytes, or what gives access to them.
        info: what the sidecar says, but for the SHA-256.

    Returns:
        What the sidecar says.

    Raises:
        WriteError: they could not be written.
    """
    # The sidecar takes its place first: a process that is killed in between leaves one of another plan, which is
    # seen by its SHA-256, and never a plan that nothing is known of.
    with atomic_path(path) as plan_part, atomic_path(sidecar(path)) as sidecar_part:
        plan_part.write_bytes(plan)
        info = replace(info, sha256=sha256(plan_part))
        write_json(sidecar_part, info.to_json())
    return info


def strip(source: Path, target: Path) -> EngineInfo:
    """Turn Ultralytics' file into a plain plan with a sidecar.

    Returns:
        What the sidecar says; the GPU is not known to a file of Ultralytics, its TensorRT version is.

    Raises:
        BundleError: `source` has no header.
        UsageError: `target` is `source`.
    """
    _require_other(source, target)
    engine = read_engine(source)
    if engine.offset == 0:
        raise BundleError(f"{source}: expected a header of Ultralytics, found none", hint="it is a plain plan already")
    return write_engine(target, engine.plan(), engine.info)


def wrap(source: Path, target: Path) -> None:
    """Turn a plain plan with a sidecar into one file, as Ultralytics reads it.

    Raises:
        BundleError: `source` is no such plan, or has a header already.
        UsageError: `target` is `source`.
        WriteError: it could not be written.
    """
    _require_other(source, target)
    engine = read_engine(source)
    if engine.offset:
        raise BundleError(
            f"{source}: expected a plain plan, found a header of Ultralytics", hint="it is wrapped already"
        )
    text = json.dumps(dict(engine.info.metadata)).encode("ascii")
    with atomic_path(target) as part:
        part.write_bytes(len(text).to_bytes(4, "little", signed=True) + text + engine.plan())


def header(path: Path) -> tuple[int, dict[str, Any] | None]:
    """Where the plan begins, and the metadata before it; (0, None) without a header."""
    with path.open("rb") as stream:
        length = int.from_bytes(stream.read(4), "little", signed=True)
        if not 0 < length <= path.stat().st_size - 4:
            return 0, None
        try:
            metadata = json.loads(stream.read(length))
        except (ValueError, RecursionError):  # a plan that happens to begin with a small number
            return 0, None
    return (4 + length, metadata) if isinstance(metadata, dict) else (0, None)


def _plan_version(path: Path, offset: int) -> str | None:
    """TensorRT version that wrote a plan, from its first bytes; None where they are laid out in another way."""
    with path.open("rb") as stream:
        stream.seek(offset)
        head = stream.read(_PLAN_HEADER)
    tag, layout = int.from_bytes(head[:4], "little"), int.from_bytes(head[4:8], "little")
    if len(head) < _PLAN_HEADER or tag != _TAG or layout != 0:
        return None
    return ".".join(map(str, head[24:28]))


def _read_sidecar(path: Path) -> EngineInfo:
    try:
        content = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{path}: expected JSON: {error}", hint="copy it again, or build the plan again") from error
    except OSError as error:
        raise BundleError(f"{path}: cannot be read: {error.strerror}", hint="check the file") from error
    return EngineInfo.from_json(content, path=path)


def _require_other(source: Path, target: Path) -> None:
    if target.exists() and source.exists() and target.samefile(source):
        raise UsageError(f"{target}: expected another file than the source", hint="choose another output path")
