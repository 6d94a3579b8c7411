"""What is wrong with a data set: every check run on it, in any format."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from yolo_tl.data.archives import is_archive, opened
from yolo_tl.data.checks import CHECKS, Check, CheckOptions, Finding, Severity
from yolo_tl.data.checks.config_file import find_config, read_config
from yolo_tl.data.checks.ignored import ignored
from yolo_tl.data.checks.report import CheckReport
from yolo_tl.data.checks.snapshot import Snapshot, scan
from yolo_tl.data.split import SPLITS
from yolo_tl.errors import ConfigError, UsageError, did_you_mean

_CONVERT = "convert"  # what `foreign` finds has ids of its own


def check(
    data: Path | str,
    *,
    only: Sequence[str] = (),
    skip: Sequence[str] = (),
    fast: bool = False,
    imgsz: int = 640,
    task: str | None = None,
    format: str | None = None,
    workers: int = 1,
    html: Path | str | None = None,
) -> CheckReport:
    """Run the checks on a data set; nothing of it is changed.

    A YOLO data set is looked at file by file, and what Ultralytics would do about each fault is
    told. Annotations in another format are read as `convert` reads them; what it would drop or
    repair is found under ``convert.REASON``.

    Args:
        data: a data.yaml or its folder; or annotations in any format, or an archive of them.
        only: ids of checks, or their first part (``images``), to run; all by default.
        skip: ids, or first parts, not to run.
        fast: decode no image.
        imgsz: side in px that training will scale images to.
        task: detect, segment, obb or pose; by default found out.
        format: a name in `yolo_tl.data.formats.FORMATS`, for annotations that are not YOLO's.
        workers: processes that read headers and decode images; 0 takes one for each core.
        html: where to write a page of the findings with pictures.

    Raises:
        UsageError: no check has an id that is asked for.
        DataNotFound: there is nothing at `data`.
        FormatError: no format fits, or several do.
        ParseError: the data.yaml, or an annotation file of another format, cannot be understood at all.
        WriteError: the page could not be written.
    """
    path = Path(data)
    if imgsz < 1 or workers < 0:
        raise ConfigError(f"expected an imgsz of 1 or more and workers of 0 or more, found {imgsz} and {workers}")
    chosen = choose_checks(only, skip)
    run = [item for item in chosen if not (fast and item.pixels)]
    file = None if is_archive(path) or format not in (None, "yolo") else find_config(path)
    if file is not None:
        snapshot = scan(read_config(file), task=task, workers=workers)
        return _told(_report(str(file), "yolo", snapshot, run, CheckOptions(imgsz, workers)), html)
    from yolo_tl.data.checks.foreign import read_foreign  # it imports every format, and a YOLO data set needs none

    with TemporaryDirectory(prefix="yolo_tl-") as folder, opened(path, beside=Path(folder, "source")) as source:
        foreign = read_foreign(source, format=format, task=task or "detect", workers=workers)
        wanted = not only or any(word.partition(".")[0] == _CONVERT for word in only)
        more = [f for f in foreign.findings if wanted and not _fits(f.id, skip) and (_fits(f.id, only) or not only)]
        if not foreign.has_splits:
            run = [item for item in run if not item.id.startswith("splits.")]
        run = [item for item in run if not item.id.startswith(("config.", "labels.identical", "labels.conflict"))]
        options = CheckOptions(imgsz, workers)
        report = _report(str(path), foreign.format, foreign.snapshot, run, options, more, foreign.notes)
        return _told(report, html)  # while the files of an archive are there


def choose_checks(only: Sequence[str] = (), skip: Sequence[str] = ()) -> list[Check]:
    """The checks that are asked for.

    Raises:
        UsageError: an id, or the first part of one, that no check has; the nearest is named.
    """
    known = [*CHECKS, *dict.fromkeys(id.partition(".")[0] for id in CHECKS)]
    for word in (*only, *skip):
        if word not in known and word.partition(".")[0] != _CONVERT:
            raise UsageError(f"no check is called {word!r}{did_you_mean(word, known)}", hint="yolo-tl check --list")
    return [item for item in CHECKS.values() if (not only or _fits(item.id, only)) and not _fits(item.id, skip)]


def _told(report: CheckReport, html: Path | str | None) -> CheckReport:
    if html is not None:
        from yolo_tl.data.pictures.check_page import write_page

        write_page(report, Path(html))
    return report


def _fits(id: str, words: Iterable[str]) -> bool:
    return any(id == word or id.startswith(f"{word}.") for word in words)


def _report(
    data: str,
    format: str,
    snapshot: Snapshot,
    run: list[Check],
    options: CheckOptions,
    more: Sequence[Finding] = (),
    notes: Sequence[str] = (),
) -> CheckReport:
    findings = [*more, *(finding for item in run for finding in item.findings(snapshot, options))]
    findings.sort(key=lambda f: ((f.severity or Severity.INFO).rank, -f.count, f.id))
    sizes = {split: int(snapshot.of_split(split).sum()) for split in SPLITS}
    ran = tuple(item.id for item in run)
    return CheckReport(
        data=data,
        format=format,
        task=snapshot.task,
        images=len(snapshot),
        boxes=len(snapshot.rows),
        splits={split: count for split, count in sizes.items() if count},
        classes={name: int(n) for name, n in zip(snapshot.names, snapshot.class_counts, strict=True)},
        ignored=int(ignored(snapshot).sum()),
        findings=tuple(findings),
        ran=ran,
        skipped=tuple(id for id in CHECKS if id not in ran),
        notes=tuple(notes),
        snapshot=snapshot,
    )


def line_of(place: str) -> int | None:
    """The line that a place in a file speaks of.

    >>> line_of("line 12"), line_of("object 3")
    (12, None)
    """
    match = re.search(r"\bline (\d+)", place)
    return int(match.group(1)) if match else None
