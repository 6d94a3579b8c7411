"""A wheel of this package, made from the checkout or from what is installed; nothing is fetched."""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from importlib import metadata, util
from pathlib import Path, PurePosixPath

from yolo_tl import __version__
from yolo_tl.errors import MissingExtra, RuntimeFailure, UsageError

NAME = f"yolo_tl-{__version__}-py3-none-any.whl"
_DISTRIBUTION = "yolo-tl"
_EPOCH = (1980, 1, 1, 0, 0, 0)
# Written by an installer, about this installation.
_LOCAL = frozenset({"RECORD", "INSTALLER", "REQUESTED", "direct_url.json"})
_ROOT = Path(__file__).resolve().parents[2]


def own_wheel(folder: Path, *, given: Path | None = None) -> Path:
    """Put a wheel of this package into a folder.

    Args:
        folder: where to.
        given: a wheel that is there already; otherwise it is built from the checkout that this code runs from, or
            packed again from the files that are installed.

    Raises:
        UsageError: `given` is no wheel of this version.
        MissingExtra: a checkout, and hatchling, which builds from it, is not installed.
        RuntimeFailure: it could not be built.
    """
    target = folder / NAME
    if given is not None:
        _require_own(given)
        shutil.copyfile(given, target)
    elif (_ROOT / "pyproject.toml").is_file():
        _build(_ROOT, folder)
    else:
        _repack(target)
    if not target.is_file():
        raise RuntimeFailure(f"expected {NAME}, found {sorted(path.name for path in folder.glob('*.whl'))}")
    return target


def _require_own(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as wheel:
            own = f"yolo_tl-{__version__}.dist-info/METADATA" in wheel.namelist()
    except (OSError, zipfile.BadZipFile) as error:
        raise UsageError(f"{path}: expected a wheel: {error}", hint="build it with: pip wheel --no-deps .") from error
    if not own:
        raise UsageError(f"{path}: expected a wheel of yolo-tl {__version__}, the version that runs here")


def _build(root: Path, folder: Path) -> None:
    if util.find_spec("hatchling") is None:
        raise MissingExtra("hatchling", "dev")
    code = "import sys; from hatchling.build import build_wheel; build_wheel(sys.argv[1])"
    command = [sys.executable, "-c", code, str(folder.resolve())]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no reason was given"])[-1]
        raise RuntimeFailure(f"{root}: no wheel could be built: {reason}", hint="build one yourself and say --wheel")


def _repack(target: Path) -> None:
    rows = []
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as wheel:
        for name, path in _installed():
            content = path.read_bytes()
            if name.endswith(".dist-info/METADATA"):
                information = PurePosixPath(name).parent
            wheel.writestr(_member(name), content)
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            rows.append(f"{name},sha256={digest},{len(content)}\n")
        record = f"{information}/RECORD"
        wheel.writestr(_member(record), "".join([*rows, f"{record},,\n"]))


def _installed() -> Iterator[tuple[str, Path]]:
    """The files of the wheel that this package was installed from, by their names in it."""
    distribution = metadata.distribution(_DISTRIBUTION)
    for file in distribution.files or []:
        if ".." in file.parts or "__pycache__" in file.parts or file.name in _LOCAL:
            continue
        yield file.as_posix(), Path(str(distribution.locate_file(file)))


def _member(name: str) -> zipfile.ZipInfo:
    member = zipfile.ZipInfo(name, _EPOCH)
    member.create_system = 3
    member.external_attr = 0o100644 << 16
    member.compress_type = zipfile.ZIP_DEFLATED
    return member
