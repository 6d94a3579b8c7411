"""Pages for people."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from yolo_tl.api.scores import evaluate
from yolo_tl.data.documents import load_json
from yolo_tl.errors import DataNotFound, UsageError
from yolo_tl.files import PathLike, require_schema
from yolo_tl.reporting.comparison_page import comparison_page
from yolo_tl.reporting.gate_page import gate_page
from yolo_tl.reporting.page import Page
from yolo_tl.reporting.qualification_page import qualification_page
from yolo_tl.reporting.verdict_page import verdict_page

# The file that a folder holds, what its content is known by, and its page.
_PAGES: dict[str, tuple[str, Callable[[Mapping[str, Any], Path], Page]]] = {
    "verdict.json": ("candidates", lambda content, folder: verdict_page(content)),
    "comparison.json": ("comparisons", comparison_page),
    "verify.json": ("gates", gate_page),
    "qualification.json": ("judged", lambda content, folder: qualification_page(content)),
}


def report(
    what: PathLike,
    out: PathLike | None = None,
    *,
    split: str | None = None,
    data: PathLike | None = None,
    batch: int = 16,
    device: str = "auto",
    trust: bool = False,
) -> Path:
    """Write what was found as one HTML file that opens without a network, and return its path.

    Args:
        what: a run folder; the folder of a comparison or a verdict; or a ``comparison.json``, ``verdict.json`` or
            ``qualification.json`` by any name.
        out: the file; by default ``report.html`` in the folder, or ``report-SPLIT.html`` with a split.
        split: of a run: predict ``test``, ``val`` or ``train`` with its best checkpoint and show that, in place of
            what the run ended with on val.
        data: of a run, with a split: a ``data.yaml`` or its folder; what was trained on by default.
        batch: images per forward pass.
        device: ``auto``, ``cpu``, ``cuda`` or a CUDA index.
        trust: load a checkpoint that asks for foreign classes.

    Raises:
        DataNotFound: there is nothing that a report could be made of.
        ParseError: a file is damaged.
        DataError: a file is of a newer version than is read here.
        UsageError: a split of something that is no run, or data without a split.
    """
    source = Path(what)
    if data is not None and split is None:
        raise UsageError("data: expected it with a split only, found it alone", hint="say --split test, too")
    if (source / "run.yaml").is_file():
        options: dict[str, Any] = {"batch": batch, "device": device, "trust": trust}
        return _run(source, None if out is None else Path(out), split, data, options)
    if split is not None:
        raise UsageError(f"{source}: a split was asked for, and this is no run folder", hint="leave --split out")
    file = next((source / name for name in _PAGES if (source / name).is_file()), source)
    if not file.is_file():
        raise DataNotFound(
            f"{source}: expected a run folder, or one with {', '.join(_PAGES)}, found neither",
            hint="give what train, compare, verdict, verify or qualify wrote",
        )
    content: dict[str, Any] = load_json(file, dict[str, Any])
    for name, (key, page) in _PAGES.items():
        if key in content:
            require_schema(name, content, file)
            target = file.with_name("report.html") if out is None else Path(out)
            return page(content, file.resolve().parent).write(target)
    raise DataNotFound(
        f"{file}: expected a comparison, a verdict, a verification or a qualification, "
        f"found {', '.join(content) or 'nothing'}",
        hint="give what compare, verdict, verify or qualify wrote",
    )


def _run(run: Path, out: Path | None, split: str | None, data: PathLike | None, options: dict[str, Any]) -> Path:
    from yolo_tl.engine.run_record import read_run
    from yolo_tl.reporting.run_page import on_split, qualification_of, run_page, write_report

    if split is None:
        return write_report(run, out)
    record = read_run(run)
    found = evaluate(run, data or record.plan["data"]["path"], split=split, **options)
    record = on_split(record, found.to_json())
    page = run_page(record, found.predictions, qualification_of(record.folder), found.drawn)
    return page.write(out or record.folder / f"report-{split}.html")
