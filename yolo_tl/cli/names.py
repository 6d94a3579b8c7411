"""Values that have a name or a path: presets, rules, weights, formats, splits. A shell completes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from click.shell_completion import CompletionItem

    Text = click.ParamType[str]
else:
    Text = click.ParamType  # takes no type before click 8.4

RELEASES = tuple(
    f"{family}{size}{head}.pt"
    for family, head in (("yolo26", ""), ("yolo11", ""), ("yolov8", ""), ("yolov5", "u"))
    for size in "nsmlx"
)


class Name(Text):
    """A known name, or a path. Any text is taken: whoever reads it says what is wrong with it.

    Args:
        name: what it is called in a usage line.
        missing: what to do where it is required and was not given.
    """

    def __init__(self, name: str, missing: str = "") -> None:
        self.name = name
        self.missing = missing

    def known(self) -> dict[str, str]:
        """The names, each with a few words or none."""
        raise NotImplementedError

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """As it is."""
        return str(value)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Names that begin like this; paths, where none does."""
        from click.shell_completion import CompletionItem

        fitting = [
            CompletionItem(name, help=about) for name, about in self.known().items() if _begins(name, incomplete)
        ]
        return fitting or [CompletionItem(incomplete, type="file")]


class PresetName(Name):
    """A YAML file of ``configs/KIND``, by its name, or any by its path."""

    def __init__(self, kind: str, name: str = "preset", missing: str = "") -> None:
        super().__init__(name, missing)
        self.kind = kind

    def known(self) -> dict[str, str]:
        """The presets of the working folder and those that are shipped, with their ``about``."""
        from yolo_tl.presets import presets

        return presets(self.kind)


class WeightsName(Name):
    """A checkpoint: one that lies where weights are looked for, a release by its name, or any by its path."""

    def __init__(self) -> None:
        super().__init__(
            "weights",
            "say --weights yolo26n.pt (fetched where it is not in weights/), or the path of a checkpoint of yours",
        )

    def known(self) -> dict[str, str]:
        """What is here, then what can be fetched."""
        from yolo_tl.engine.weights import folders

        here = {path.name: f"in {folder}" for folder in folders() for path in sorted(folder.glob("*.pt"))}
        return here | {name: "a release of Ultralytics" for name in RELEASES if name not in here}


class FormatName(Name):
    """An annotation format.

    Args:
        written: only those that can be written, too.
    """

    def __init__(self, *, written: bool = False) -> None:
        super().__init__("format")
        self.written = written

    def known(self) -> dict[str, str]:
        """All that are read, or written."""
        from yolo_tl.data.formats import FORMATS

        return {name: "" for name, format in FORMATS.items() if format.write or not self.written}


class SplitName(Name):
    """A split of a data set; it may have others than the usual."""

    def __init__(self) -> None:
        super().__init__("split")

    def known(self) -> dict[str, str]:
        """The usual ones."""
        return {"val": "", "test": "", "train": ""}


def words(known: Iterable[str]) -> Callable[[click.Context, click.Parameter, str], list[str]]:
    """What completes an option that is no choice, as ``shell_complete`` of `click.option`."""
    return lambda ctx, param, incomplete: [word for word in known if _begins(word, incomplete)]


def _begins(name: str, incomplete: str) -> bool:
    return name.startswith(incomplete)
