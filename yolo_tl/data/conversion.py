"""Any annotation format → a data set folder that Ultralytics trains on, with a ledger."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from yolo_tl.data.clean import Cleaned, clean
from yolo_tl.data.detect import Match, choose
from yolo_tl.data.ledger import Ledger
from yolo_tl.data.options import ReadOptions
from yolo_tl.data.records import ImageRecord
from yolo_tl.data.split import SPLITS, Ratios, assign_splits
from yolo_tl.data.tree import Tree
from yolo_tl.data.write import Link, write_yolo
from yolo_tl.errors import ConfigError, DataError, DataNotFound, UsageError
from yolo_tl.files import require_free, staged_folder, write_json

LEDGER = "ledger.json"


@dataclass(frozen=True)
class ConvertReport:
    """What a conversion did, or, on a dry run, would do.

    Attributes:
        images: images written.
        annotations_in: annotations of the source; the sum of the next two.
        annotations_out: boxes written.
        dropped: annotations not written, by reason.
        repaired: boxes written other than the source has them, by reason.
        classes: names, by index.
        splits: images in each split.
        data: the data.yaml.
        format: name of the source format.
        why: what spoke for that format.
        notes: decisions about the whole data set.
    """

    images: int
    annotations_in: int
    annotations_out: int
    dropped: dict[str, int]
    repaired: dict[str, int]
    classes: list[str]
    splits: dict[str, int]
    data: Path
    format: str
    why: str
    notes: list[str]

    def to_json(self) -> dict[str, Any]:
        """The fields as plain JSON values."""
        return {**asdict(self), "data": str(self.data)}


def convert(
    source: Path | str,
    out: Path | str,
    *,
    format: str | None = None,
    options: ReadOptions | None = None,
    splits: Literal["keep", "new"] = "keep",
    ratios: Ratios = (0.8, 0.2, 0.0),
    seed: int = 0,
    link: Link = "auto",
    strict: bool = False,
    overwrite: bool = False,
    dry_run: bool = False,
) -> ConvertReport:
    """Convert annotations into a data set folder: images, labels, data.yaml and ledger.json.

    The source is never modified. The folder appears whole at the end or not at all.

    Args:
        source: folder of images and annotations, or one annotation file.
        out: the folder to make; not inside the source.
        format: a name in `yolo_tl.data.formats.FORMATS`; by default found out.
        options: how annotations are read and which are kept.
        splits: keep those of the source, or draw new ones.
        ratios: shares of train, val and test, where splits are drawn.
        seed: of the random splits.
        link: how images are placed in the folder.
        strict: refuse to drop any annotation or image.
        overwrite: replace a data set that was made here before.
        dry_run: do everything but write.

    Raises:
        DataNotFound: the source does not exist or holds no images.
        FormatError: no format fits, or several do.
        ParseError: an annotation file breaks the rules of its format.
        ImageError: an image is missing or not an image.
        DataError: a class is unknown; or, if strict, something would be dropped.
        UsageError: `out` cannot be used.
        WriteError: the folder could not be written; nothing is left of it.
    """
    source, out, options = Path(source), Path(out), options or ReadOptions()
    if splits not in ("keep", "new"):
        raise ConfigError(f"splits: expected keep or new, found {splits!r}")
    tree = Tree(source, images=options.images)
    _require_safe(source, out, overwrite=overwrite)
    match = choose(tree, format)
    ledger = Ledger(tree.root)
    cleaned = clean(match.format.read(tree, options), options=options, ledger=ledger)
    if not cleaned.records:
        raise DataNotFound(f"{source}: no image is left to write", hint=_counts(ledger) or "the annotations name none")
    if not cleaned.classes:
        raise DataError(f"{source}: expected annotated objects, found only backgrounds", hint="say --names")
    if strict and (ledger.dropped.counts or ledger.images_dropped.counts):
        raise DataError(f"{source}: strict, but there is something to drop:{_listing(ledger)}")
    records = _with_splits(cleaned, ledger, splits=splits, ratios=ratios, seed=seed)
    if dry_run:
        ledger.images_out, ledger.annotations_out = len(records), sum(len(record.annotations) for record in records)
        ledger.check()
        return _report(records, cleaned, ledger, match, out)
    with staged_folder(out, overwrite=overwrite) as stage:
        write_yolo(stage, records, classes=cleaned.classes, ledger=ledger, link=link)
        ledger.check()
        report = _report(records, cleaned, ledger, match, out)
        write_json(stage / LEDGER, _accounts(report, ledger, source, options))
    return report


def _require_safe(source: Path, out: Path, *, overwrite: bool) -> None:
    """The output must not touch the source, nor replace a folder that is not a data set of ours."""
    folder = source if source.is_dir() else source.parent
    if out.resolve() == folder.resolve() or folder.resolve() in out.resolve().parents:
        raise UsageError(f"{out}: lies in the source, which is never modified", hint="choose an output path outside it")
    if out.resolve() in folder.resolve().parents:
        raise UsageError(f"{out}: holds the source", hint="choose another output path")
    if overwrite and out.is_dir() and any(out.iterdir()) and not (out / LEDGER).is_file():
        raise UsageError(
            f"{out}: expected a data set made here ({LEDGER}), found other files", hint="remove it yourself"
        )
    require_free(out, overwrite=overwrite)


def _with_splits(cleaned: Cleaned, ledger: Ledger, *, splits: str, ratios: Ratios, seed: int) -> list[ImageRecord]:
    keys = [ledger.name(record.path) for record in cleaned.records]
    given = [record.split if splits == "keep" else None for record in cleaned.records]
    assigned, notes = assign_splits(keys, given, ratios=ratios, seed=seed)
    for note in notes:
        ledger.note(note)
    return [replace(record, split=split) for record, split in zip(cleaned.records, assigned, strict=True)]


def _report(records: list[ImageRecord], cleaned: Cleaned, ledger: Ledger, match: Match, out: Path) -> ConvertReport:
    sizes = {split: sum(record.split == split for record in records) for split in SPLITS}
    return ConvertReport(
        images=len(records),
        annotations_in=ledger.annotations_in,
        annotations_out=ledger.annotations_out,
        dropped=dict(sorted(ledger.dropped.counts.items())),
        repaired=dict(sorted(ledger.repaired.counts.items())),
        classes=list(cleaned.classes),
        splits={split: count for split, count in sizes.items() if count},
        data=out / "data.yaml",
        format=match.format.name,
        why=match.why,
        notes=list(ledger.notes),
    )


def _accounts(report: ConvertReport, ledger: Ledger, source: Path, options: ReadOptions) -> dict[str, Any]:
    made = {"source": str(source), "format": report.format, "why": report.why, "options": options.to_json()}
    return {**ledger.to_json(), "classes": report.classes, "splits": report.splits, **made}


def _counts(ledger: Ledger) -> str:
    counts = ledger.images_dropped.counts
    return ", ".join(f"{count} {reason}" for reason, count in sorted(counts.items()))


def _listing(ledger: Ledger) -> str:
    lines = []
    for tally in (ledger.images_dropped, ledger.dropped):
        for reason, count in sorted(tally.counts.items()):
            lines.append(f"\n  {reason}: {count}")
            for example in tally.examples[reason][:3]:
                place = f" ({example['place']})" if example["place"] else ""
                lines.append(f"\n    {example['file']}{place} {example['detail']}".rstrip())
    return "".join(lines)
