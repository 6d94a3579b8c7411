"""The folder that is carried to a device."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from yolo_tl.device_kit.requirements import requirements
from yolo_tl.device_kit.wheel import own_wheel
from yolo_tl.device_kit.writing import RULES, SETTINGS, Plan, Target, texts
from yolo_tl.edge.archive import opened
from yolo_tl.edge.golden import FOLDER as GOLDEN
from yolo_tl.edge.manifest import FILE, SIGNATURE, Manifest, files_of
from yolo_tl.errors import BundleError, UsageError
from yolo_tl.files import require_free, sha256, staged_folder, write_text

BUNDLE = "bundle"
REQUIREMENTS = "requirements.txt"
SUMS = "SHA256SUMS"


@dataclass(frozen=True)
class KitRules:
    """Rules as a kit holds them.

    Attributes:
        sha256: by which verdicts name them.
        content: every key written out.
    """

    sha256: str
    content: Mapping[str, Any]


@dataclass(frozen=True)
class Deployment:
    """A kit that was written.

    Attributes:
        path: its folder.
        target: what the device does: ``serve`` or ``inspect``.
        bundle: SHA-256 of the manifest of its bundle.
        format: of the bundle.
        requirements: ``name==version`` of every package it needs.
        wheel: file name of this package.
        source: what is looked at.
        rules: SHA-256 of the rules.
        files: all of it but the files of the bundle.
    """

    path: Path
    target: Target
    bundle: str
    format: str
    requirements: tuple[str, ...]
    wheel: str
    source: str | None
    rules: str | None
    files: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {**asdict(self), "path": str(self.path)}


def make_kit(
    bundle: Path,
    out: Path,
    *,
    target: Target,
    source: str | None = None,
    rules: Callable[[Manifest], KitRules] | None = None,
    wheel: Path | None = None,
    overwrite: bool = False,
) -> Deployment:
    """Write a kit.

    Args:
        bundle: a folder or a ``.zip`` file.
        out: the folder to make.
        target: what the device does.
        source: what is looked at: a camera, an address, or a folder that is watched.
        rules: gives those that fit a bundle, or raises.
        wheel: of this package; built or packed from what runs here by default.
        overwrite: replace a folder that holds files.

    Raises:
        BundleError: the bundle is damaged, is none, or is of a format that is not run on a device.
        UsageError: no source or rules for an inspection, or a place that overlaps with the bundle.
        MissingExtra: a package is not installed here, so that its version is unknown.
        WriteError: the kit could not be written.
    """
    _require_request(target, source, ruled=rules is not None)
    _require_apart(bundle, out)
    require_free(out, overwrite=overwrite)
    with opened(bundle) as folder:
        if not (folder / FILE).is_file():
            raise BundleError(
                f"{bundle}: expected a bundle (with {FILE})", hint="a device runs what was verified: yolo-tl export"
            )
        manifest = Manifest.read(folder)
        asked = None if rules is None else rules(manifest)
        needed = requirements(manifest.format, serve=target == "serve")
        with staged_folder(out, overwrite=overwrite) as stage:
            _copy(folder, stage / BUNDLE)
            deployment = Deployment(
                path=out,
                target=target,
                bundle=sha256(stage / BUNDLE / FILE),
                format=manifest.format,
                requirements=tuple(needed),
                wheel=own_wheel(stage, given=wheel).name,
                source=source,
                rules=None if asked is None else asked.sha256,
                files=(),
            )
            _write(stage, deployment, manifest, asked)
            return replace(deployment, files=tuple(_listed(stage)))


def _require_request(target: Target, source: str | None, *, ruled: bool) -> None:
    if target == "serve":
        if source is not None:
            raise UsageError("expected no source with serve: it answers requests", hint="say --inspect to look at one")
        return
    if source is None or not ruled:
        raise UsageError("expected a source and rules with inspect", hint="say --source SPEC --rules R")
    if not source.isprintable() or source != source.strip() or source.startswith("-"):
        raise UsageError(f"{source!r}: expected a source as yolo-tl inspect takes it")


def _require_apart(bundle: Path, out: Path) -> None:
    a, b = bundle.resolve(), out.resolve()
    if a == b or a in b.parents or b in a.parents:
        raise UsageError(f"{out}: expected a folder apart from the bundle {bundle}", hint="choose another place")


def _copy(folder: Path, target: Path) -> None:
    signature = [SIGNATURE] if (folder / SIGNATURE).is_file() else []
    for name in [FILE, *signature, *files_of(folder)]:
        place = target / name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(folder / name, place)
    Manifest.read(target)  # what was copied is what was checked


def _write(stage: Path, deployment: Deployment, manifest: Manifest, rules: KitRules | None) -> None:
    plan = Plan(
        manifest=manifest,
        sha256=deployment.bundle,
        target=deployment.target,
        source=deployment.source,
        rules=rules is not None,
        golden=any(name.startswith(f"{GOLDEN}/") for name in manifest.content["files"]),
    )
    for name, content in texts(plan).items():
        write_text(stage / name, content)
    (stage / "install.sh").chmod(0o755)
    (stage / SETTINGS).chmod(0o600)
    head = f"# Install with: pip install --no-deps -r {REQUIREMENTS} ./{deployment.wheel}\n"
    write_text(stage / REQUIREMENTS, head + _lines(deployment.requirements))
    if rules is not None:
        write_text(stage / RULES, yaml.safe_dump(dict(rules.content), sort_keys=False, allow_unicode=True))
    inside = sorted(path.relative_to(stage).as_posix() for path in (stage / BUNDLE).rglob("*") if path.is_file())
    # Settings are there to be changed.
    names = [name for name in [*_listed(stage), *inside] if name != SETTINGS]
    write_text(stage / SUMS, _lines([f"{sha256(stage / name)}  {name}" for name in names]))


def _listed(stage: Path) -> list[str]:
    return sorted(path.name for path in stage.iterdir() if path.is_file())


def _lines(rows: Sequence[str]) -> str:
    return "".join(f"{row}\n" for row in rows)
