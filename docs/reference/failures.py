"""The page of errors and exit codes, from the tree in ``yolo_tl.errors``."""

from __future__ import annotations

from collections.abc import Iterator

from reference.commands import FOLDER, OWN_CODES
from reference.markdown import table, text
from yolo_tl.errors import YoloTLError

PAGE = "reference/errors.md"


def pages() -> dict[str, str]:
    """One page: the tree of errors, and what every exit code says."""
    rows = [(f"{'&emsp;' * depth}`{kind.__name__}`", str(kind.exit_code), text(_fact(kind))) for depth, kind in tree()]
    parts = [
        "# Errors and exit codes",
        "Every error that is raised on purpose is a `yolo_tl.errors.YoloTLError`. It has a `message` (what was "
        "expected, what was found, where), a `hint` (what to do about it) and an `exit_code`. The command line prints "
        "message and hint to stderr; `--debug` adds the traceback.",
        "## Errors",
        table(("error", "exit code", "what it says"), rows),
        "## Exit codes",
        table(("code", "says"), [(str(number), what) for number, what in codes().items()]),
    ]
    return {PAGE: "\n\n".join(parts) + "\n"}


def tree(kind: type[YoloTLError] = YoloTLError, depth: int = 0) -> Iterator[tuple[int, type[YoloTLError]]]:
    """The errors in the order of their definition, each with its depth."""
    yield depth, kind
    for child in kind.__subclasses__():
        if child.__module__ == "yolo_tl.errors":
            yield from tree(child, depth + 1)


def codes() -> dict[int, str]:
    """Every exit code with what it says: the errors, then what commands say of their own."""
    said: dict[int, list[str]] = {0: ["done"]}
    for _, kind in tree():
        if kind is not YoloTLError:
            said.setdefault(kind.exit_code, []).append(f"`{kind.__name__}`")
    for command, own in OWN_CODES.items():
        for number, what in own.items():
            page = f"{FOLDER.removeprefix('reference/')}/{command.partition(' ')[0]}.md"
            said.setdefault(number, []).append(f"[`{command}`]({page}): {what}")
    return {number: "; ".join(said[number]) for number in sorted(said)}


def _fact(kind: type[YoloTLError]) -> str:
    return str(kind.__doc__).partition("\n")[0]
