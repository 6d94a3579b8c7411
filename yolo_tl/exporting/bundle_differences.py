"""What is different between two bundles, by their manifests, which have the hash of every file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from yolo_tl.edge.archive import opened
from yolo_tl.edge.manifest import SIGNATURE, Manifest
from yolo_tl.files import sha256

SECTIONS = (
    "format",
    "model",
    "task",
    "names",
    "input",
    "preprocess",
    "head",
    "keypoints",
    "precision",
    "arithmetic",
    "thresholds",
    "qualification",
    "gate",
    "calibration",
    "source",
    "data",
    "versions",
    "hardware",
    "licence",
    "made_by",
    "files",
    "signature",
)
"""In the order in which they change what a line sees."""


@dataclass(frozen=True)
class BundleChange:
    """One difference.

    Attributes:
        section: one of `SECTIONS`.
        key: dotted place in it; "" for the section itself.
        a: what the first bundle says; None for nothing.
        b: what the second says.
    """

    section: str
    key: str
    a: Any
    b: Any


@dataclass(frozen=True)
class BundleDifferences:
    """What turns bundle A into B.

    Attributes:
        a: the first.
        b: the second.
        changes: in the order of `SECTIONS`.
    """

    a: Path
    b: Path
    changes: tuple[BundleChange, ...]

    @property
    def same(self) -> bool:
        """There is no difference."""
        return not self.changes

    def to_json(self) -> dict[str, Any]:
        """Plain values with ``same``."""
        return {
            "same": self.same,
            "a": str(self.a),
            "b": str(self.b),
            "changes": [asdict(change) for change in self.changes],
        }


def compare_bundles(a: Path, b: Path) -> BundleDifferences:
    """Compare two bundles, each a folder or a ``.zip`` file; both are checked first.

    Raises:
        BundleError: one of them is damaged or no bundle.
    """
    first, second = _read(a), _read(b)
    changes = [
        BundleChange(section, key, of_a.get(key), of_b.get(key))
        for section in SECTIONS
        for of_a, of_b in [(dict(_leaves(first.get(section))), dict(_leaves(second.get(section))))]
        for key in dict.fromkeys([*of_a, *of_b])
        if (key in of_a, of_a.get(key)) != (key in of_b, of_b.get(key))
    ]
    return BundleDifferences(a, b, tuple(changes))


def _read(path: Path) -> Mapping[str, Any]:
    with opened(path) as folder:
        content = Manifest.read(folder).content
        signature = folder / SIGNATURE
        return {**content, "signature": sha256(signature) if signature.is_file() else None}


def _leaves(value: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted key and value of everything below; a list of plain values is a value, but names count by number."""
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _leaves(item, f"{place}.{key}" if place else str(key))
    elif isinstance(value, list) and any(isinstance(item, (dict, list, str)) for item in value):
        for number, item in enumerate(value):
            yield from _leaves(item, f"{place}[{number}]")
    elif value is not None:
        yield place, value
