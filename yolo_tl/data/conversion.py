"""Any annotation format → a data set folder that Ultralytics trains on, with a ledger."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from yolo_tl import __version__
from yolo_tl.data.archives import is_archive, opened
from yolo_tl.data.clean import Cleaned, clean
from yolo_tl.data.detect import Match, choose
from yolo_tl.data.formats import FORMATS, Output
from yolo_tl.data.groups import Groups, groups_of, joined
from yolo_tl.data.ledger import Ledger
from yolo_tl.data.options import ReadOptions
from yolo_tl.data.placing import Link, place_images, places
from yolo_tl.data.records import Annotation, ImageRecord, replace
from yolo_tl.data.split import SPLITS, Ratios, assign_splits
from yolo_tl.data.targets import require_apart, require_replaceable
from yolo_tl.data.tree import Tree
from yolo_tl.data.workers import uncollected
from yolo_tl.errors import ConfigError, DataError, DataNotFound, UsageError, YoloTLError
from yolo_tl.files import recover, staged_folder, write_json

LEDGER = "ledger.json"


@dataclass(frozen=True)
class ConvertReport:
    """What a conversion did, or, on a dry run, would do.

    Attributes:
        images: images written.
        annotations_in: annotations of the source; the sum of the next two.
        annotations_out: annotations written.
        dropped: annotations not written, by reason.
        repaired: annotations written other than the source has them, by reason.
        images_dropped: images not written, by reason.
        images_repaired: images written other than the source describes them, by reason.
        examples: where each of these first occurred, by ``annotations dropped: REASON`` and so on.
        classes: names, by index.
        splits: images in each split.
        data: the data.yaml, or the folder where the output is of another format or to classify.
        format: name of the source format.
        why: what spoke for that format.
        notes: decisions about the whole data set.
        unchanged: the folder was there already, made from the same input; nothing was written.
    """

    images: int
    annotations_in: int
    annotations_out: int
    dropped: dict[str, int]
    repaired: dict[str, int]
    images_dropped: dict[str, int]
    images_repaired: dict[str, int]
    examples: dict[str, str]
    classes: list[str]
    splits: dict[str, int]
    data: Path
    format: str
    why: str
    notes: list[str]
    unchanged: bool = False

    def to_json(self) -> dict[str, Any]:
        """The fields as plain JSON values."""
        return {**asdict(self), "data": str(self.data)}


def convert(
    source: Path | str,
    out: Path | str,
    *,
    format: str | None = None,
    to: str = "yolo",
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

    The source is never modified. The folder appears whole at the end or not at all. If it is
    there already, made from the same files with the same options, it is left as it is.

    Args:
        source: folder of images and annotations, one annotation file, or a zip or tar archive.
        out: the folder to make; not inside the source.
        format: a name in `yolo_tl.data.formats.FORMATS`; by default found out.
        to: the format to write, one that has a writer; ``yolo`` is what training needs.
        options: how annotations are read and which are kept.
        splits: keep those of the source, or draw new ones.
        ratios: shares of train, val and test, where splits are drawn.
        seed: of the drawn splits.
        link: how images are placed in the folder.
        strict: refuse to drop any annotation or image.
        overwrite: replace a data set that was made here before.
        dry_run: do everything but write.

    Raises:
        DataNotFound: the source does not exist or holds no images.
        FormatError: no format fits, or several do.
        ParseError: an annotation file breaks the rules of its format.
        ImageError: an image is missing or not an image.
        DataError: a class is unknown, an archive cannot be trusted; or, if strict, something would be dropped.
        UsageError: `out` cannot be used.
        WriteError: the folder could not be written; nothing is left of it.
    """
    source, out, options = Path(source), Path(out), options or ReadOptions()
    if splits not in ("keep", "new"):
        raise ConfigError(f"splits: expected keep or new, found {splits!r}")
    _require_writer(to, options.task)
    if not source.exists():
        raise DataNotFound(f"{source}: no such file or folder", hint="check the path")
    if not is_archive(source):
        require_apart(out, [source if source.is_dir() else source.parent])
    if not dry_run:
        recover(out)
    with _opened(source, out, link) as folder, uncollected():
        tree = Tree(folder, images=options.images)
        settings = [to, format, options.to_json(), splits, ratios, seed, link, strict, __version__]
        files = [*tree.all_files, *(tree.images if options.images else ())]
        signature = _signature([source] if is_archive(source) else files, settings)
        if not dry_run and (unchanged := _unchanged(out, signature)):
            return unchanged
        require_replaceable(out, mark=LEDGER, overwrite=overwrite or dry_run)
        match = choose(tree, format)
        ledger = Ledger(tree.root)
        cleaned = clean(match.format.read(tree, options), options=options, ledger=ledger)
        _require_content(cleaned, ledger, source, strict=strict)
        records = _with_splits(cleaned, ledger, splits=splits, ratios=ratios, seed=seed)
        targets = places(records, ledger, task=options.task)
        made = {"source": str(source), "to": to, "options": options.to_json(), "signature": signature}
        if dry_run:
            ledger.images_out, ledger.annotations_out = len(records), sum(len(r.annotations) for r in records)
            ledger.check()
            return _report(_accounts(ledger, records, cleaned, match, **made), out)
        with staged_folder(out, overwrite=True) as stage:
            ways = place_images(
                stage, records, targets, link=link, unfinished=cleaned.unfinished, temporary=is_archive(source)
            )
            ledger.note("images placed: " + ", ".join(f"{count} by {way}" for way, count in sorted(ways.items())))
            output = Output(stage, records, targets, cleaned.classes, cleaned.keypoints, options.task)
            writer = FORMATS[to].write
            assert writer is not None
            ledger.images_out = ways.total()
            try:
                ledger.annotations_out = writer(output)
            except UnicodeEncodeError as error:
                text = error.object[max(0, error.start - 20) : error.end + 20]
                raise DataError(f"{text!r} cannot be written: it is no Unicode", hint="rename the class") from error
            ledger.backgrounds = sum(not record.annotations for record in records)
            ledger.check()
            made_here = _accounts(ledger, records, cleaned, match, **made, files=1 + _count_files(stage))
            write_json(stage / LEDGER, made_here)
        # Gone before the collector is back, which would look at each of them.
        del cleaned, records, targets, output
    return _report(made_here, out)


def _require_writer(to: str, task: str) -> None:
    writers = {name: format for name, format in FORMATS.items() if format.write}
    if to not in writers:
        raise UsageError(f"no format that can be written is called {to!r}", hint=f"there are: {', '.join(writers)}")
    if task not in writers[to].tasks:
        raise UsageError(f"{to} cannot express --task {task}", hint=f"it can: {', '.join(writers[to].tasks)}")


@contextmanager
def _opened(source: Path, out: Path, link: Link) -> Iterator[Path]:
    """The folder to read; errors name the archive where it is a temporary one."""
    if is_archive(source) and link == "symlink":
        raise ConfigError(f"{source}: images in an archive cannot be linked to", hint="say --link copy or auto")
    with opened(source, beside=out) as folder:
        try:
            yield folder
        except YoloTLError as error:
            error.message = error.message.replace(str(folder), str(source))
            raise


def _signature(files: list[Path], settings: list[Any]) -> str:
    """A name for what goes in: the files by path, size and time, and the options."""
    digest = hashlib.sha256(json.dumps(settings).encode())
    for path in files:
        try:
            status = os.stat(path)
        except OSError:  # a link that leads nowhere
            status = os.lstat(path)
        digest.update(f"{path}\0{status.st_size}\0{status.st_mtime_ns}\0".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _unchanged(out: Path, signature: str) -> ConvertReport | None:
    """The report of the conversion that made `out`, if it had the same input and nobody has touched its result."""
    ledger = out / LEDGER
    try:
        made = json.loads(ledger.read_bytes())
        if made["signature"] != signature:
            return None
        written = ledger.stat().st_mtime_ns
        count = 0
        for folder, _, files in os.walk(out):
            is_image = not folder.startswith(os.path.join(str(out), "labels"))
            for name in files:
                # Links to images keep the time of the user's file, which the signature has covered.
                if not is_image and os.stat(os.path.join(folder, name)).st_mtime_ns > written:
                    return None
            count += len(files)
        return _report(made, out, unchanged=True) if count == made["files"] else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _count_files(folder: str | Path) -> int:
    with os.scandir(folder) as entries:
        return sum(_count_files(entry.path) if entry.is_dir(follow_symlinks=False) else 1 for entry in entries)


def _require_content(cleaned: Cleaned, ledger: Ledger, source: Path, *, strict: bool) -> None:
    lost = _listing(ledger)
    if not cleaned.records:
        what = f"{source}: no image is left to write"
        raise DataNotFound(f"{what}:{lost}" if lost else what, hint="" if lost else "the annotations name none")
    if not cleaned.classes and lost:
        raise DataError(f"{source}: no annotation is left to write:{lost}")
    if not cleaned.classes:
        raise DataError(f"{source}: expected annotated objects, found only backgrounds", hint="say --names")
    if strict and lost:
        raise DataError(f"{source}: strict, but there is something to drop:{lost}")


def _with_splits(cleaned: Cleaned, ledger: Ledger, *, splits: str, ratios: Ratios, seed: int) -> list[ImageRecord]:
    """The records, each in a split: balanced where drawn, copies of one image and frames of one video together."""
    keys = [ledger.name(record.path) for record in cleaned.records]
    given = [record.split if splits == "keep" else None for record in cleaned.records]
    groups: Groups = [record.group for record in cleaned.records]
    if any(".rf." in key for key in keys):
        groups = joined(len(keys), [groups, groups_of(keys, "roboflow")])
    labels = None
    if "val" not in given and ratios[1] > 0:
        labels = [[(a.name, _area(a, record)) for a in record.annotations] for record in cleaned.records]
    assigned, notes = assign_splits(
        keys, given, ratios=ratios, seed=seed, labels=labels, groups=groups if any(groups) else None
    )
    for note in notes:
        ledger.note(note)
    return [
        record if record.split == split else replace(record, split=split)
        for record, split in zip(cleaned.records, assigned, strict=True)
    ]


def _area(annotation: Annotation, record: ImageRecord) -> float:
    """In px²; that of the image for a tag."""
    x1, y1, x2, y2 = annotation.box or (0, 0, *(record.size or (0, 0)))
    return (x2 - x1) * (y2 - y1)


def _report(made: dict[str, Any], out: Path, *, unchanged: bool = False) -> ConvertReport:
    """The report that a ledger file tells."""
    tallies = {
        f"{what} {fate}": made[what][fate] for what in ("annotations", "images") for fate in ("dropped", "repaired")
    }
    counts = {name: {reason: entry["count"] for reason, entry in tally.items()} for name, tally in tallies.items()}
    examples = {
        f"{name}: {reason}": _example(entry["examples"][0])
        for name, tally in tallies.items()
        for reason, entry in tally.items()
    }
    trains = made["to"] == "yolo" and made["options"]["task"] != "classify"
    return ConvertReport(
        images=made["images"]["out"],
        annotations_in=made["annotations"]["in"],
        annotations_out=made["annotations"]["out"],
        dropped=counts["annotations dropped"],
        repaired=counts["annotations repaired"],
        images_dropped=counts["images dropped"],
        images_repaired=counts["images repaired"],
        examples=examples,
        classes=made["classes"],
        splits=made["splits"],
        data=out / "data.yaml" if trains else out,
        format=made["format"],
        why=made["why"],
        notes=made["notes"],
        unchanged=unchanged,
    )


def _accounts(
    ledger: Ledger, records: list[ImageRecord], cleaned: Cleaned, match: Match, **made: Any
) -> dict[str, Any]:
    """The content of the ledger file."""
    sizes = {split: sum(record.split == split for record in records) for split in SPLITS}
    return {
        **ledger.to_json(),
        "classes": list(cleaned.classes),
        "splits": {split: count for split, count in sizes.items() if count},
        "format": match.format.name,
        "why": match.why,
        **made,
    }


def _example(example: dict[str, str]) -> str:
    place = f" ({example['place']})" if example["place"] else ""
    return f"{example['file']}{place} {example['detail']}".rstrip()


def _listing(ledger: Ledger) -> str:
    lines = []
    for tally in (ledger.images_dropped, ledger.dropped):
        for reason, count in sorted(tally.counts.items()):
            lines.append(f"\n  {reason}: {count}")
            for example in tally.examples[reason][:3]:
                lines.append(f"\n    {_example(example)}")
    return "".join(lines)
