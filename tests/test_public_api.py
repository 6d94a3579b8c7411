"""The public names, and what each of them takes and gives: a change of any is seen, and belongs in the changelog.

After a change that is meant: ``python tests/test_public_api.py`` writes ``public_api.txt`` anew.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import yolo_tl
import yolo_tl.api

SNAPSHOT = Path(__file__).with_name("public_api.txt")
CLASSES = {"Detections", "Detector", "Inspector", "YoloTLError"}
VERBS = {
    *(
        "average",
        "benchmark",
        "bundle_diff",
        "check",
        "compare",
        "convert",
        "cross_validate",
        "curve",
        "demo",
        "deploy",
    ),
    *("diff", "doctor", "evaluate", "export", "fingerprint", "fix", "inspect", "label_next", "overfit_check", "plan"),
    *("predict", "preview", "qualify", "replay", "report", "resume", "sample", "selftest", "serve", "split", "train"),
    *("verdict", "verify"),
}
RESULTS = {
    *("CheckReport", "ComparisonReport", "ConvertReport", "CrossValidation", "DemoResult", "Differences", "Evaluation"),
    *("FixReport", "LearningCurve", "OverfitReport", "PreviewReport", "Selection", "SplitReport", "TrainResult"),
    *("Verdict", "Verification"),
}
Parameter = inspect.Parameter


def _value(name: str) -> Any:
    return getattr(yolo_tl if name in CLASSES else yolo_tl.api, name)


def _callable(function: Any, *, bound: bool = False) -> str:
    """``(a: int, *, b: str = 'x') -> Path``, with annotations as they are written; a long one in several lines."""
    signature = inspect.signature(function)
    parts, keyword_only = [], False
    for number, one in enumerate(signature.parameters.values()):
        if bound and number == 0:
            continue
        if one.kind is Parameter.KEYWORD_ONLY and not keyword_only:
            keyword_only = True
            parts.append("*")
        star = {Parameter.VAR_POSITIONAL: "*", Parameter.VAR_KEYWORD: "**"}.get(one.kind, "")
        keyword_only |= one.kind is Parameter.VAR_POSITIONAL
        default = "" if one.default is Parameter.empty else f" = {_default(one.default)}"
        parts.append(f"{star}{one.name}: {one.annotation}{default}")
    gives = "" if signature.return_annotation is inspect.Signature.empty else f" -> {signature.return_annotation}"
    line = f"({', '.join(parts)}){gives}"
    return line if len(line) < 90 else "\n".join(["(", *(f"        {part}," for part in parts), f"    ){gives}"])


def _default(value: Any) -> str:
    return repr(value) if isinstance(value, (str, int, float, tuple, type(None))) else "…"


def _members(kind: type) -> Iterator[tuple[str, Any]]:
    """Public methods and properties of a class and of its parents in this package."""
    seen = set()
    for owner in kind.__mro__:
        if not owner.__module__.startswith("yolo_tl"):
            continue
        for name, member in vars(owner).items():
            named = not name.startswith("_") or name == "__call__"
            if named and name not in seen and isinstance(member, (property, classmethod, staticmethod, type(_members))):
                seen.add(name)
                yield name, member


def listing() -> str:
    """The public interface as text, in alphabetical order."""
    lines = []
    for name in sorted(CLASSES | VERBS | RESULTS):
        value = _value(name)
        if not inspect.isclass(value):
            lines.append(f"{name}{_callable(value)}")
            continue
        lines.append(f"class {name}{_callable(value).removesuffix(' -> None')}")
        for member, what in sorted(_members(value), key=lambda item: item[0]):
            if isinstance(what, property):
                lines.append(f"    .{member}: {inspect.signature(what.fget).return_annotation}")  # type: ignore[arg-type]
            else:
                function = what.__func__ if isinstance(what, (classmethod, staticmethod)) else what
                lines.append(f"    .{member}{_callable(function, bound=not isinstance(what, staticmethod))}")
    return "\n".join([*lines, ""])


def test_these_names_are_public_and_no_others() -> None:
    assert set(yolo_tl.__all__) == CLASSES | VERBS
    assert set(yolo_tl.api.__all__) == VERBS | RESULTS


@pytest.mark.parametrize("module", [yolo_tl, yolo_tl.api])
def test_what_a_type_checker_sees_is_what_is_listed(module: Any) -> None:
    """The imports under ``TYPE_CHECKING`` are the names that are looked up on use, from the same places."""
    tree = ast.parse(Path(module.__file__).read_text("utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    seen = {alias.name: node.module for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert sorted(seen) == sorted(module.__all__)
    homes = getattr(module, "_HOMES")  # noqa: B009
    if module is yolo_tl:
        assert seen == homes
    else:
        assert seen == {name: f"yolo_tl.api.{home}" for home, names in homes.items() for name in names}


@pytest.mark.parametrize("name", sorted(CLASSES | VERBS | RESULTS))
def test_each_is_described_and_annotated(name: str) -> None:
    value = _value(name)
    assert inspect.getdoc(value), "no docstring"
    assert inspect.getdoc(value) != inspect.getdoc(object)
    functions = [value]
    if inspect.isclass(value):
        for member, what in _members(value):
            assert inspect.getdoc(what) or member == "__call__", f"{member} has no docstring"
            functions.append(what.fget if isinstance(what, property) else getattr(value, member))
    for function in functions:
        signature = inspect.signature(function)
        bare = [one.name for one in signature.parameters.values() if one.annotation is Parameter.empty]
        assert [one for one in bare if one not in ("self", "cls")] == []
        assert inspect.isclass(function) or signature.return_annotation is not inspect.Signature.empty


def test_signatures_are_what_they_were() -> None:
    """If this fails for a change that is meant: write the file anew (see above), and say it in the changelog."""
    assert listing().splitlines() == SNAPSHOT.read_text("utf-8").splitlines()


if __name__ == "__main__":
    SNAPSHOT.write_text(listing(), "utf-8")
