"""Hostile sources from end to end: what `convert` makes of one, and what has to hold whatever it makes.

A source lies some folders deep in a scratch folder, so that a path that leaves the target by a few
``..`` still lands where it is seen.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import yaml
from msgspec import Struct, field

from support.pictures import picture
from yolo_tl.data import ReadOptions, convert
from yolo_tl.data.image_size import IMAGE_SUFFIXES
from yolo_tl.errors import YoloTLError

BOX = "0.2 0.5 0.2 0.6"  # of (10, 10, 30, 40) in 100 x 50 px
PACKAGE = Path(__file__).resolve().parents[2]


class Written(Struct, kw_only=True):
    """A data set, to the last row.

    Attributes:
        rows: label rows by image, ``a`` for ``labels/train/a.txt``, else ``val/a``.
        names: the classes, in order.
        dropped: ``reason: file (place)`` of each annotation that is not written, sorted.
        repaired: the same of those written otherwise than the source has them.
        images: ``reason: file`` of images that are not written, or otherwise than described.
        notes: regular expressions, each of which a note matches.
    """

    rows: dict[str, list[str]]
    names: list[str] = field(default_factory=lambda: ["cat"])
    dropped: list[str] = []
    repaired: list[str] = []
    images: list[str] = []
    notes: list[str] = []


class Refused(Struct):
    """An error, and nothing written.

    Attributes:
        error: its class, exactly.
        says: a regular expression that its message matches; it names the file and the place.
    """

    error: type[YoloTLError]
    says: str


End = Written | Refused


class Case(Struct, kw_only=True):
    """A hostile source and its end.

    Attributes:
        name: what is hostile about it.
        make: writes it into an empty folder.
        end: what becomes of it.
        options: how it is read.
        only: the file in the folder that is the source, where that is not the folder.
        command: it goes through the command line, too; by default those that are refused do.
    """

    name: str
    make: Callable[[Path], object]
    end: End
    options: dict[str, Any] = {}
    only: str = ""
    command: bool | None = None


def meets_its_end(case: Case, scratch: Path) -> None:
    """Convert the source of a case: it ends as it should, and whatever has to hold does."""
    deep = scratch / "one" / "two" / "three"
    folder = deep / "source"
    folder.mkdir(parents=True)
    for level in (deep, *deep.parents[: deep.parents.index(scratch) + 1]):
        picture(level / "x.jpg", 30, 30)  # what a path that climbs out of the source would find
    case.make(folder)
    source = folder / case.only
    before = snapshot(scratch)
    result = attempt(source, deep / "out", **case.options)
    assert_contained(before, scratch, deep / "out")
    if isinstance(case.end, Refused):
        assert isinstance(result, YoloTLError), f"expected an error, found {shown(result)}"
        assert type(result) is case.end.error, result
        assert re.search(case.end.says, result.message), result.message
        assert not (deep / "out").exists()
    else:
        assert not isinstance(result, YoloTLError), result
        assert_sound(deep / "out", folder)
        assert_same(result, case.end)
    if isinstance(case.end, Refused) if case.command is None else case.command:
        by_command(case, source, deep / "again", result)
        assert_contained(before, scratch, deep / "out", deep / "again")


def attempt(source: Path, out: Path, **options: Any) -> Written | YoloTLError:
    """What became of a source; an error that is not one of ours is raised."""
    try:
        convert(source, out, options=ReadOptions(**options), ratios=(1.0, 0.0, 0.0))
    except YoloTLError as error:
        return error
    return written(out)


def written(out: Path) -> Written:
    """A data set that was written, as a case describes one."""
    ledger = json.loads((out / "ledger.json").read_bytes())
    names = yaml.safe_load((out / "data.yaml").read_text("utf-8"))["names"]
    assert list(names) == list(range(len(names)))
    labels = sorted((out / "labels").rglob("*.txt"))
    keys = [path.relative_to(out / "labels").with_suffix("").as_posix().removeprefix("train/") for path in labels]
    return Written(
        rows={key: path.read_text("utf-8").splitlines() for key, path in zip(keys, labels, strict=True)},
        names=list(names.values()),
        dropped=_entries(ledger["annotations"]["dropped"]),
        repaired=_entries(ledger["annotations"]["repaired"]),
        images=_entries(ledger["images"]["dropped"]) + _entries(ledger["images"]["repaired"]),
        notes=ledger["notes"],
    )


def _entries(tally: dict[str, Any]) -> list[str]:
    found = []
    for reason, entry in tally.items():
        assert len(entry["examples"]) == min(entry["count"], 20)
        for example in entry["examples"]:
            assert example["file"], reason
            found.append(f"{reason}: {example['file']}" + (f" ({example['place']})" if example["place"] else ""))
    return sorted(found)


def assert_same(found: Written, expected: Written) -> None:
    """They are the same; of the notes, each that is expected is there."""
    for what in ("rows", "names", "dropped", "repaired", "images"):
        assert getattr(found, what) == getattr(expected, what), shown(found)
    for pattern in expected.notes:
        assert any(re.search(pattern, note) for note in found.notes), found.notes


def shown(found: object) -> str:
    return repr(found).replace(", repaired=", ",\n repaired=").replace(", notes=", ",\n notes=")


def assert_sound(out: Path, folder: Path) -> None:
    """What holds for every data set: sums, class ids, coordinates, one label file for each image of the source."""
    ledger = json.loads((out / "ledger.json").read_bytes())
    result = written(out)
    rows = [row for rows in result.rows.values() for row in rows]
    for what, made in (("annotations", len(rows)), ("images", len(result.rows))):
        account = ledger[what]
        gone = sum(entry["count"] for entry in account["dropped"].values())
        assert account["in"] + account.get("added", 0) == account["out"] + gone, account
        assert account["out"] == made
    assert ledger["images"]["backgrounds"] == sum(not rows for rows in result.rows.values())
    for row in rows:
        name, *values = row.split()
        assert 0 <= int(name) < len(result.names), row
        assert len(values) >= 4, row
        assert all(0 <= float(value) <= 1 for value in values), row
    images = [path for path in (out / "images").rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES]
    stems = [path.relative_to(out / "images").with_suffix("").as_posix().removeprefix("train/") for path in images]
    assert sorted(stems) == sorted(result.rows)
    own = {_digest(path) for path in folder.rglob("*") if path.is_file()}
    assert all(_digest(path) in own for path in images)


def assert_contained(before: dict[str, str], scratch: Path, *outs: Path) -> None:
    """Nothing but the targets has changed in the scratch folder: no temporary folder, no touch of the source."""
    after = snapshot(scratch)
    made = tuple(out.relative_to(scratch).as_posix() for out in outs)
    rest = {name: state for name, state in after.items() if not any(f"{name}/".startswith(f"{out}/") for out in made)}
    assert rest == before


def snapshot(folder: Path) -> dict[str, str]:
    """Content, time and rights of everything below a folder, hidden files and links too."""
    found = {}
    for here, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(here, name)
            status = path.lstat()
            content = _digest(path) if path.is_file() else "folder"
            time = status.st_mtime_ns if path.is_file() else 0  # a folder's changes with each temporary file
            found[path.relative_to(folder).as_posix()] = f"{content} {time} {status.st_mode:o} {status.st_ino}"
    return found


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        return str(error.errno)


def by_command(case: Case, source: Path, out: Path, expected: Written | YoloTLError) -> None:
    """The same through the command line: the same data set, or the same message and its exit code."""
    done = command(str(source), str(out), *_arguments(case.options))
    assert "Traceback" not in done.stderr + done.stdout, done.stderr
    if isinstance(expected, YoloTLError):
        assert done.returncode == expected.exit_code, done.stderr
        assert " ".join(expected.message.split()) in " ".join(done.stderr.split()), done.stderr
        assert not out.exists()
    else:
        assert done.returncode == 0, done.stderr
        assert only_the_next_step(done.stderr)
        assert written(out) == expected


def command(*arguments: str, before: str = "", under: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
    """Run ``yolo-tl convert`` in a process of its own, `under` another program; there `before` is run first."""
    code = f"{before}\nfrom yolo_tl.cli import main\nmain()"
    run = [*under, sys.executable, "-c", code, "convert", *arguments, "--ratios", "1,0"]
    environment = {**os.environ, "PYTHONPATH": os.fspath(PACKAGE), "PYTHONIOENCODING": "utf-8"}
    return subprocess.run(run, capture_output=True, encoding="utf-8", check=False, env=environment)


def only_the_next_step(said: str) -> bool:
    """Whether nothing is on stderr but the command to type next."""
    return said.startswith("next: yolo-tl check ") and said.count("\n") == 1


def _arguments(options: dict[str, Any]) -> list[str]:
    flags: list[str] = []
    for key, value in options.items():
        text = ",".join(value) if isinstance(value, (list, tuple)) else str(value)
        flags += [f"--{key.replace('_', '-')}", text]
    return flags
