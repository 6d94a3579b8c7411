"""The texts of a kit: a unit, a container file, instructions."""

from __future__ import annotations

import string
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from yolo_tl import __version__
from yolo_tl.device_kit.wheel import NAME
from yolo_tl.edge.machine import machine
from yolo_tl.edge.manifest import Manifest

Target = Literal["serve", "inspect"]

HOME = "/opt/yolo-tl"
TEXTS = ("yolo-tl.service", "Dockerfile", "install.sh", "README.md")
SETTINGS = "yolo-tl.env"
RULES = "rules.yaml"
_PORT = 8000
_STATE = "/var/lib/yolo-tl"
_PYTHON = sys.version_info[:2]


class _Text(string.Template):
    delimiter = "@"  # `$` belongs to the shell and to systemd


@dataclass(frozen=True)
class Plan:
    """What a device does.

    Attributes:
        manifest: of the bundle.
        sha256: of that manifest.
        target: answer HTTP requests, or look at a source.
        source: what is looked at.
        rules: whether there are any.
        golden: whether the bundle has a golden set.
    """

    manifest: Manifest
    sha256: str
    target: Target
    source: str | None
    rules: bool
    golden: bool

    @property
    def release(self) -> str:
        """A name for the folder of the kit on a device."""
        return f"{__version__}-{self.sha256[:12]}"

    @property
    def title(self) -> str:
        """One line about it."""
        what = "inspection server" if self.target == "serve" else "inspection of a camera"
        return f"yolo-tl: {what}, model {self.sha256[:12]}"


def texts(plan: Plan) -> dict[str, str]:
    """File name → content."""
    values = _values(plan)
    found = {name: _Text(_template(name)).substitute(values) for name in TEXTS}
    return {**found, SETTINGS: _settings(plan)}


def _template(name: str) -> str:
    return Path(__file__).with_name("templates").joinpath(name).read_text(encoding="utf-8")


def _values(plan: Plan) -> Mapping[str, str]:
    manifest, this = plan.manifest, machine()
    python = ".".join(map(str, _PYTHON))
    serve = plan.target == "serve"
    return {
        "title": plan.title,
        "home": HOME,
        "release": plan.release,
        "version": __version__,
        "python": python,
        "python_tuple": ", ".join(map(str, _PYTHON)),
        "made": f"Python {python} on {this['platform']}",
        "wheel": NAME,
        "bundle": plan.sha256,
        "format": manifest.format,
        "precision": manifest.precision,
        "task": manifest.task,
        "golden": "its golden images" if plan.golden else "no golden images: the self-test only loads it",
        "verb": plan.target,
        "memory": "2G" if manifest.format in ("engine", "openvino") else "1G",
        "rows": f"| `{RULES}` | what is asked of a picture |\n" if plan.rules else "",
        "command": _serve(f"{HOME}/current", plan) if serve else _inspect(f"{HOME}/current", plan, "${SOURCE}"),
        "output": "" if serve else "# Decisions go to the log; the journal gets what goes wrong.\nStandardOutput=null",
        "devices": _devices(plan),
        "copies": f"COPY {RULES} ./\n" if plan.rules else "",
        "run": _container_run(plan),
        "settings": _about_settings(plan),
        "docker": _docker(plan),
    }


def _serve(place: str, plan: Plan) -> str:
    rules = f" --rules {place}/{RULES}" if plan.rules else ""
    return f"serve {place}/bundle{rules} $OPTIONS"


def _inspect(place: str, plan: Plan, source: str) -> str:
    kept = f"--log {_STATE}/log --pictures {_STATE}/pictures"
    return f"inspect {place}/bundle {source} --rules {place}/{RULES} {kept} $OPTIONS"


def camera(source: str | None) -> bool:
    """Whether a source is a camera of the device itself."""
    return source is not None and (source.startswith(("camera:", "/dev/")) or source.isdecimal())


def _devices(plan: Plan) -> str:
    lines = []
    if camera(plan.source):
        lines += ["SupplementaryGroups=video", "DevicePolicy=closed", "DeviceAllow=char-video4linux rw"]
    elif plan.manifest.format != "engine":  # which needs the devices of the GPU
        lines += ["PrivateDevices=yes"]
    if plan.manifest.format == "onnx":  # other engines write machine code while they run
        lines += ["MemoryDenyWriteExecute=yes"]
    return "\n".join(lines)


def _settings(plan: Plan) -> str:
    """One syntax for systemd and for ``docker run --env-file``: no quotes, nothing is expanded."""
    lines = ["# Settings of this device. Values as they are, without quotes."]
    if plan.target == "serve":
        lines += [
            "# What clients have to send; printable ASCII, for example from: openssl rand -hex 32",
            "#YOLO_TL_API_KEY=",
            f"# Options of `yolo-tl serve`. By default it answers this device alone, on port {_PORT}.",
            "#OPTIONS=--host 0.0.0.0",
        ]
    else:
        lines += [
            "# What is looked at; with the password of a camera this file is a secret.",
            f"SOURCE={plan.source}",
            "# Options of `yolo-tl inspect`.",
            "#OPTIONS=--webhook https://line.example/alarm",
        ]
    return "\n".join(lines) + "\n"


def _container_run(plan: Plan) -> str:
    if plan.target == "serve":
        alive = f"import urllib.request as r; r.urlopen('http://127.0.0.1:{_PORT}/healthz', timeout=4)"
        command = _serve(".", plan).replace("serve ", "serve --host 0.0.0.0 ", 1)
        test = f'["python", "-c", "{alive}"]'
        return (
            f"EXPOSE {_PORT}\nHEALTHCHECK --interval=30s --timeout=5s --start-period=30s CMD {test}\n"
            f'CMD ["sh", "-c", "exec yolo-tl {command}"]'
        )
    command = _inspect(".", plan, '\\"$SOURCE\\"')
    test = '["yolo-tl", "selftest", "--repeat", "0", "bundle"]'
    return (
        f"HEALTHCHECK --interval=10m --timeout=60s --start-period=30s CMD {test}\n"
        f'CMD ["sh", "-c", "exec yolo-tl {command} >/dev/null"]'
    )


def _about_settings(plan: Plan) -> str:
    if plan.target == "serve":
        return (
            f"It answers on http://127.0.0.1:{_PORT}, where there also is a page for people. To answer other machines "
            "set a key and `OPTIONS=--host 0.0.0.0` in `/etc/yolo-tl.env`, and restart it."
        )
    return (
        f"It looks at `SOURCE` of `/etc/yolo-tl.env`; its log is in `{_STATE}/log`, pictures of failures are in "
        f"`{_STATE}/pictures`. A folder that is watched must lie outside of `/home` and `/tmp`, which it does not see."
    )


def _docker(plan: Plan) -> str:
    parts = ["docker run -d --name yolo-tl --restart always --read-only --tmpfs /tmp --cap-drop ALL"]
    parts += ["--security-opt no-new-privileges --memory 2g -v yolo-tl:/var/lib/yolo-tl --env-file yolo-tl.env"]
    if plan.target == "serve":
        parts += [f"-p 127.0.0.1:{_PORT}:{_PORT}"]
    if camera(plan.source):
        parts += ["--device /dev/video0 --group-add video"]
    if plan.source is not None and plan.source.startswith("watch:"):
        folder = plan.source.removeprefix("watch:")
        parts += [f"-v '{folder}:{folder}:ro'"]
    if plan.manifest.format == "engine":
        parts += ["--gpus all"]
    return " \\\n  ".join([*parts, f"yolo-tl:{plan.release}"])
