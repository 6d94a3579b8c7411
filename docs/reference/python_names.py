"""The public names of ``yolo_tl``, by theme, for mkdocstrings to describe from their docstrings."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

import yolo_tl
from reference.markdown import table, text

FOLDER = "reference/python"
# Theme → its title and the names that belong to it.
THEMES = {
    "data": ("Data", ("sample", "convert", "check", "fix", "split", "preview", "diff", "fingerprint")),
    "training": (
        "Training",
        ("plan", "train", "resume", "overfit_check", "cross_validate", "average"),
    ),
    "evidence": (
        "Evidence",
        ("evaluate", "compare", "verdict", "curve", "label_next", "qualify", "report"),
    ),
    "export": ("Export", ("export", "verify", "bundle_diff", "selftest", "benchmark", "deploy")),
    "edge": ("Edge", ("Detector", "Detections", "predict")),
    "inspection": ("Inspection", ("inspect", "Inspector", "replay")),
    "serving": ("Serving", ("serve",)),
    "other": ("Demo, doctor, errors", ("demo", "doctor", "YoloTLError")),
}


def pages() -> dict[str, str]:
    """The list of all public names, and a page for each theme."""
    rows = [
        (f"[`{name}`]({theme}.md#{anchor(name)})", title, text(_summary(name)))
        for theme, (title, _) in THEMES.items()
        for name in names(theme)
    ]
    first = (
        "# Python\n\nEverything here is a name of `yolo_tl`: `import yolo_tl` costs nothing, and what a name needs is "
        "imported when it is used. Every function is a command, too; see [Commands](../commands/index.md).\n\n"
    )
    made = {f"{FOLDER}/index.md": first + table(("name", "theme", "what it is"), rows) + "\n"}
    for theme, (title, _) in THEMES.items():
        entries = [_entry(anchor(name), f"yolo_tl.{name}") for name in names(theme)]
        entries += [_entry(path, path.rpartition(".")[2]) for path in results(theme)]
        made[f"{FOLDER}/{theme}.md"] = f"# {title}\n\n" + "\n".join(entries)
    return made


def public() -> list[str]:
    """All public names of the package."""
    return yolo_tl.__all__


def names(theme: str) -> list[str]:
    """The public names of a theme that exist."""
    return [name for name in THEMES[theme][1] if name in yolo_tl.__all__]


def theme_of(name: str) -> str:
    """The theme that a public name belongs to.

    Raises:
        KeyError: none; it is to be added to `THEMES`.
    """
    for theme, (_, members) in THEMES.items():
        if name in members:
            return theme
    raise KeyError(f"yolo_tl.{name} belongs to no theme: add it to THEMES in {__file__}")


def anchor(name: str) -> str:
    """Where a public name is defined, by which its section is linked."""
    value = getattr(yolo_tl, name)
    return f"{value.__module__}.{value.__qualname__}"


def results(theme: str) -> list[str]:
    """The classes of this package that the functions of a theme return, each once.

    Some are imported for type checkers only, so where they come from is read from the source.
    """
    public = {anchor(name) for name in yolo_tl.__all__}
    found: dict[str, None] = {}
    for name in names(theme):
        function = getattr(yolo_tl, name)
        if inspect.isclass(function):
            continue
        homes = _homes(Path(inspect.getfile(function)), function.__module__)
        for word in re.findall(r"\w+", str(function.__annotations__["return"])):
            if homes.get(word, "").startswith("yolo_tl.") and homes[word] not in public:
                found[homes[word]] = None
    return list(found)


def _homes(file: Path, module: str) -> dict[str, str]:
    """Name in a module → where it is defined, of what the module imports or defines as a class."""
    homes: dict[str, str] = {}
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            homes |= {alias.name: f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.ClassDef):
            homes[node.name] = f"{module}.{node.name}"
    return homes


def _summary(name: str) -> str:
    return str(getattr(yolo_tl, name).__doc__).strip().partition("\n\n")[0]


def _entry(path: str, title: str) -> str:
    options = f"      heading: {title}\n      toc_label: {title.removeprefix('yolo_tl.')}\n"
    return f"::: {path}\n    options:\n{options}"
