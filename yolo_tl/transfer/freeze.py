"""Freezing: from what a user says to the exact parameters that stay as they are.

Ultralytics' own ``freeze`` takes an int or a list and compares substrings of parameter
names; what it does not understand freezes nothing, silently. Here every request is
resolved against the network's parameter names, and one that matches nothing is an error.
BatchNorm statistics of frozen layers stay fixed as well (Ultralytics puts them in eval mode).
"""

from __future__ import annotations

from dataclasses import dataclass

from yolo_tl.errors import ConfigError
from yolo_tl.transfer.network import SECTIONS, Network

# The one-to-one branches of a YOLO26 head mirror these; freezing one branch means both.
TWINNED = ("cv2", "cv3", "cv4", "cv5")


@dataclass(frozen=True)
class Freeze:
    """What stays frozen.

    Attributes:
        asked: the request in the user's words.
        engine: the same as an Ultralytics ``freeze`` list: layer indices and paths such as ``23.cv2``.
        parameters: names of all frozen parameters.
        share: frozen share of the network's values, 0 to 1.
    """

    asked: str
    engine: tuple[int | str, ...]
    parameters: frozenset[str]
    share: float

    def describe(self, network: Network) -> str:
        """One line for people: which layers and how much of the network."""
        if not self.engine:
            return "nothing is frozen"
        layers = [e for e in self.engine if isinstance(e, int)]
        runs = _runs(layers) + [str(e) for e in self.engine if isinstance(e, str)]
        return f"layers {', '.join(runs)} of 0-{network.head} frozen, {self.share:.0%} of the parameters"


def resolve_freeze(request: str | int | list[int | str], network: Network) -> Freeze:
    """Resolve a freeze request through the network's own sections and names.

    Args:
        request: ``none``, ``stem``, ``backbone``, ``neck``, ``trunk``, ``head``; one of them
            ``except`` another (``trunk except stem``); a number N for the first N layers; or a list
            of layer numbers, section names and paths such as ``23.cv2`` or ``head.cv2`` (a path
            freezes its one-to-one twin as well).
        network: the network to be trained.

    Raises:
        ConfigError: an entry matches no layer, or nothing would be left to train.
    """
    wanted: list[int | str] = []
    for entry in _entries(request):
        wanted += [found for found in _resolve(entry, network) if found not in wanted]
    engine = tuple(sorted(wanted, key=lambda e: (isinstance(e, str), e if isinstance(e, int) else 0, str(e))))
    frozen = {name for name, _ in network.parameters if any(f"model.{e}." in name for e in engine)}
    if engine and not frozen:
        raise ConfigError(
            f"freeze: {request!r} matches only layers of {network.family} without parameters", hint=_layout(network)
        )
    if all(name in frozen or ".dfl." in name for name, _ in network.parameters):
        raise ConfigError(
            f"freeze: {request!r} would leave nothing to train in {network.family}",
            hint="freeze 'trunk' to train the head alone",
        )
    total = sum(count for _, count in network.parameters)
    share = sum(count for name, count in network.parameters if name in frozen) / total
    return Freeze(str(request), engine, frozenset(frozen), share)


def _entries(request: str | int | list[int | str]) -> list[int | str]:
    if isinstance(request, bool):
        raise ConfigError(f"freeze: expected a section, a number or a list, found {request!r}")
    if isinstance(request, int) or (isinstance(request, str) and request.isdecimal()):
        return list(range(int(request)))
    if isinstance(request, str):
        parts = [part.strip() for part in request.strip("[]").split(",") if part.strip()]
        return [] if parts == ["none"] else [int(p) if p.isdecimal() else p for p in parts]
    return [int(r) if isinstance(r, str) and r.isdecimal() else r for r in request]


def _resolve(entry: int | str, network: Network) -> list[int | str]:
    """The layers or paths of an entry, without those behind ``except``."""
    parts = [part.strip() for part in entry.split(" except ")] if isinstance(entry, str) else [entry]
    found = []
    for part in parts:
        found.append(_match(part, network))
        if not found[-1]:
            raise ConfigError(
                f"freeze: {part!r} matches no layer of {network.family}",
                hint=f"{_layout(network)}; use none, a section name, a number of layers, or a list of layers",
            )
    kept, *taken = found
    return [layer for layer in kept if not any(layer in others for others in taken)]


def _match(entry: int | str, network: Network) -> list[int | str]:
    """Layer indices or paths that an entry stands for; empty if there are none."""
    if isinstance(entry, int):
        return [entry] if 0 <= entry <= network.head else []
    if entry in SECTIONS:
        return list(network.section(entry))
    path = entry.removeprefix("model.").strip(".")
    if path.startswith("head."):
        path = f"{network.head}.{path.removeprefix('head.')}"
    if path.isdecimal():
        return _match(int(path), network)
    layer, _, rest = path.partition(".")
    paths = [path]
    first, _, deeper = rest.partition(".")
    if first in TWINNED:
        paths.append(f"{layer}.one2one_{first}" + (f".{deeper}" if deeper else ""))
    return [p for p in paths if any(name.startswith(f"model.{p}.") for name, _ in network.parameters)]


def _layout(network: Network) -> str:
    parts = []
    for name in ("backbone", "neck", "head"):
        layers = network.section(name)
        last = f"-{layers[-1]}" if len(layers) > 1 else ""
        parts.append(f"{name} {layers[0]}{last}" if len(layers) else f"{name} (none)")
    return f"{network.family} has layers: {', '.join(parts)}"


def _runs(numbers: list[int]) -> list[str]:
    """[0, 1, 2, 5] → ['0-2', '5']."""
    runs: list[list[int]] = []
    for n in numbers:
        if runs and n == runs[-1][1] + 1:
            runs[-1][1] = n
        else:
            runs.append([n, n])
    return [f"{a}-{b}" if b > a else f"{a}" for a, b in runs]
