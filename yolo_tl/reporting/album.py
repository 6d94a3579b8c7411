"""Pictures for a page, as many as it can bear."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

from yolo_tl.data.pictures.drawing import Colour
from yolo_tl.reporting.crops import SAID, TRUTH, Mark, crops, sides
from yolo_tl.reporting.markup import picture

PICTURES, BYTES = 24, 4 << 20
LEGEND = (("true", TRUTH), ("said by the model", SAID))


class Album:
    """Makes figures until their number or their bytes are used up.

    Attributes:
        unreadable: images that were wanted and could not be read.
        bytes: size of the pictures so far.
    """

    def __init__(self, pictures: int = PICTURES, most_bytes: int = BYTES) -> None:
        self._left, self._most = pictures, most_bytes
        self.unreadable: set[str] = set()
        self.bytes = 0

    @property
    def full(self) -> bool:
        """Whether nothing more fits in."""
        return self._left < 1 or self.bytes >= self._most

    def figure(
        self, image: str, parts: Sequence[Sequence[Mark]], around: Sequence[float] | None, *, what: str, more: str = ""
    ) -> str:
        """An image once for each of `parts`, beside each other; nothing if it cannot be shown.

        Args:
            image: its path.
            parts: the boxes in each.
            around: the box to show with its surroundings, px of the image; None shows all of it.
            what: what is seen; text, and what is read out.
            more: a second line; text.
        """
        if self.full:
            return ""
        content = crops(Path(image), parts, around)
        if content is None:
            self.unreadable.add(image)
            return ""
        self._left -= 1
        self.bytes += len(content) * 4 // 3
        name = Path(image).name
        told = "; ".join(text for text in (what, more, name) if text)
        return (
            f'<figure class="parts-{len(parts)}">{picture(content, told, size=sides(len(parts)))}'
            f"<figcaption><b>{escape(what)}</b>"
            + (f"<span>{escape(more)}</span>" if more else "")
            + f'<span class="file" title="{escape(image)}">{escape(name)}</span></figcaption></figure>'
        )

    def note(self) -> str:
        """What could not be shown; empty where all could."""
        if not self.unreadable:
            return ""
        count, first = len(self.unreadable), min(self.unreadable)
        return f"{count} image{'s' * (count != 1)} could not be read, such as {first}. Were they moved?"


def legend(entries: Sequence[tuple[str, Colour]] = LEGEND) -> str:
    """What the colours of the boxes mean."""
    items = "".join(
        f'<span><i style="background:rgb({red},{green},{blue})"></i>{escape(name)}</span>'
        for name, (red, green, blue) in entries
    )
    return f'<p class="legend">{items}</p>'


def figures(content: Sequence[str]) -> str:
    """Figures in rows."""
    shown = "".join(content)
    return f'<div class="album">{shown}</div>' if shown else ""
