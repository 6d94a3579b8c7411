"""Deployment: all that a device needs to run a bundle, in one folder."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from yolo_tl.errors import UsageError
from yolo_tl.files import PathLike

if TYPE_CHECKING:
    from yolo_tl.device_kit import Deployment, KitRules, Target
    from yolo_tl.edge.manifest import Manifest


def deploy(
    bundle: PathLike,
    out: PathLike,
    *,
    target: Target | None = None,
    source: str | None = None,
    rules: PathLike | None = None,
    wheel: PathLike | None = None,
    overwrite: bool = False,
) -> Deployment:
    """Write a kit for a device: bundle, pinned requirements, a wheel, a systemd unit, a container file, instructions.

    Packages are pinned to the versions that are installed here, so make the kit where the bundle was tested. Neither
    torch nor Ultralytics becomes part of it, and nothing is fetched.

    Args:
        bundle: a folder or a ``.zip`` file; every file is checked against its manifest.
        out: the folder to make.
        target: what the device does: ``serve`` answers HTTP requests, ``inspect`` looks at a source. By default
            ``inspect`` where there is a source.
        source: what an inspection looks at: ``camera:0``, ``rtsp://…``, ``watch:FOLDER``.
        rules: a preset or a YAML file; an inspection needs them.
        wheel: a wheel of this package; by default it is built from the checkout, or packed from what is installed.
        overwrite: replace a folder that holds files.

    Raises:
        BundleError: the bundle is damaged, is none, or is of a format that is not run on a device.
        UsageError: the request contradicts itself, or `out` overlaps with the bundle.
        ConfigError: the rules do not fit the bundle.
        MissingExtra: what runs the bundle is not installed here, so that there is no version to pin.
        WriteError: the kit could not be written; what was there before is untouched.
    """
    from yolo_tl.device_kit import make_kit

    if source is not None:
        _require_live(source)
    target = target or ("serve" if source is None else "inspect")
    return make_kit(
        Path(bundle),
        Path(out),
        target=target,
        source=source,
        rules=None if rules is None else _fitting(os.fspath(rules), target),
        wheel=None if wheel is None else Path(wheel),
        overwrite=overwrite,
    )


def _require_live(source: str) -> None:
    from yolo_tl.streams.files import FileSource
    from yolo_tl.streams.opening import open_source

    # A camera of the device by its path is a file like any other where it is not plugged in.
    if isinstance(open_source(source), FileSource) and not source.startswith("/dev/"):
        raise UsageError(
            f"{source}: expected a source that goes on: camera:0, rtsp://HOST/PATH or watch:FOLDER",
            hint="a service that has come to the end of a file would begin again",
        )


def _fitting(name: str, target: Target) -> Callable[[Manifest], KitRules]:
    """Rules, once they are known to fit a bundle, and single images where these are what is judged."""
    from yolo_tl.device_kit import KitRules
    from yolo_tl.inspection.checking import require_classifying, require_fit
    from yolo_tl.inspection.loading import load_rules

    rules = load_rules(name)
    if target == "serve":
        from yolo_tl.serving.judging import Judging

        Judging(rules)

    def fitting(manifest: Manifest) -> KitRules:
        classifies = manifest.task == "classify"
        require_fit(rules, manifest.names, None if classifies else manifest.thresholds)
        if classifies:
            require_classifying(rules)
        return KitRules(rules.sha256, rules.to_dict())

    return fitting
