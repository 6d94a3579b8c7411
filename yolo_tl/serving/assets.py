"""The files of the web page, as they are served."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).with_name("page")

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".webmanifest": "application/manifest+json",
}


@dataclass(frozen=True)
class Asset:
    """A file and its media type."""

    content: bytes
    kind: str


def assets(folder: Path = FOLDER) -> dict[str, Asset]:
    """Path → file, of every file in the folder that a page is made of; ``/`` is ``index.html``."""
    found = {
        f"/{path.name}": Asset(path.read_bytes(), _TYPES[path.suffix])
        for path in sorted(folder.glob("*"))
        if path.suffix in _TYPES and path.is_file()
    }
    if "/index.html" in found:
        found["/"] = found["/index.html"]
    return found
