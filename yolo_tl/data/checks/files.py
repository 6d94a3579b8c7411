"""Checks of the files: what is missing, left over, or named so that it gets lost."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable, Iterable, Iterator

import numpy as np

from yolo_tl.data.checks.base import CheckOptions, amount, check, listed
from yolo_tl.data.checks.finding import Example, Finding, Severity
from yolo_tl.data.checks.labels import IGNORED
from yolo_tl.data.checks.listing import files_in, label_file
from yolo_tl.data.checks.probe import State
from yolo_tl.data.checks.rows import LabelState
from yolo_tl.data.checks.snapshot import Snapshot

# Suffixes of pictures that Ultralytics does not look at.
_OTHER_PICTURES = {".gif", ".jfif", ".jpe", ".jif", ".ppm", ".pgm", ".pbm", ".pnm", ".tga", ".raw", ".cr2", ".nef"}
_NOT_LABELS = {"classes.txt", "labels.txt", "obj.names", "train.txt", "val.txt", "test.txt", "readme.txt"}


def _folders(snapshot: Snapshot) -> list[str]:
    return sorted({folder for listing in snapshot.listings.values() for folder in listing.folders})


def _others(snapshot: Snapshot) -> list[str]:
    return sorted({path for listing in snapshot.listings.values() for path in listing.others})


def _label_folders(snapshot: Snapshot) -> list[str]:
    return sorted({os.path.dirname(label_file(os.path.join(folder, "x.jpg"))) for folder in _folders(snapshot)})


@check(
    "files.missing_label",
    severity=Severity.WARNING,
    hint="label it, or make an empty file to say that it shows no object",
    ultralytics="takes it for a background: its objects are taught to be nothing",
)
def missing_label(snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
    """An image has no label file."""
    found = np.flatnonzero((snapshot.label_state == LabelState.MISSING) & (snapshot.state == State.SOUND))
    if len(found):
        every = " (every one: are the label files where Ultralytics looks?)" if len(found) == len(snapshot) else ""
        message = f"{amount(len(found), 'image')} without a label file{every}"
        yield snapshot.about_images(message, found, lambda i: f"expected {snapshot.name(snapshot.labels[i])}")


@check(
    "files.orphan_label",
    severity=Severity.WARNING,
    hint="bring the image back, or remove the label file",
    ultralytics="never reads it",
)
def orphan_label(snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
    """A label file has no image."""
    found = orphan_labels(snapshot)
    if found:
        yield snapshot.about_files(f"{amount(len(found), 'label file')} without an image", found)


def orphan_labels(snapshot: Snapshot) -> list[str]:
    """Label files beside those of the images, of no image."""
    known = set(snapshot.labels)
    return [
        path
        for folder in _label_folders(snapshot)
        for path in files_in(folder)
        if path.endswith(".txt") and path not in known and os.path.basename(path).lower() not in _NOT_LABELS
    ]


@check(
    "files.missing_image",
    severity=Severity.ERROR,
    hint="bring it back, or take it off the list",
    ultralytics=IGNORED,
)
def missing_image(snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
    """An image that a list names does not exist."""
    found = np.flatnonzero(snapshot.state == State.MISSING)
    if len(found):
        yield snapshot.about_images(f"{amount(len(found), 'listed image')} missing", found)


@check(
    "files.symlink_broken",
    severity=Severity.ERROR,
    hint="mount what it points to, or remove the link",
    ultralytics=IGNORED,
)
def symlink_broken(snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
    """An image is a link to nowhere."""
    found = np.flatnonzero(snapshot.state == State.BROKEN_LINK)
    if len(found):
        message = f"{amount(len(found), 'image')} linked to nowhere"
        yield snapshot.about_images(message, found, lambda i: f"→ {os.readlink(snapshot.images[i])}")


@check(
    "files.unreadable",
    severity=Severity.ERROR,
    hint="check its permissions",
    ultralytics=IGNORED,
)
def unreadable(snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
    """A file or folder may not be read."""
    examples = [
        Example(snapshot.name(snapshot.images[i]), None, snapshot.probes[i].detail)
        for i in np.flatnonzero(snapshot.state == State.UNREADABLE)
    ]
    examples += [Example(snapshot.name(snapshot.labels[i]), None, why) for i, why in snapshot.label_errors]
    examples += [Example(snapshot.name(p), None, why) for each in snapshot.listings.values() for p, why in each.errors]
    if examples:
        yield Finding(f"{amount(len(examples), 'path')} not readable", len(examples), tuple(examples[:20]))


@check(
    "files.empty_file",
    severity=Severity.ERROR,
    hint="copy it again: an empty file is what a full disk or a broken transfer leaves",
    ultralytics=IGNORED,
)
def empty_file(snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
    """An image file is empty."""
    found = np.flatnonzero(snapshot.state == State.EMPTY)
    if len(found):
        yield snapshot.about_images(f"{amount(len(found), 'image file')} of 0 bytes", found)


@check(
    "files.unsupported_suffix",
    severity=Severity.WARNING,
    hint="convert it to JPEG or PNG",
    ultralytics="does not see it",
)
def unsupported_suffix(snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
    """A picture is in a format that is not trained on."""
    found = [path for path in _others(snapshot) if os.path.splitext(path)[1].lower() in _OTHER_PICTURES]
    if found:
        suffixes = sorted({os.path.splitext(path)[1].lower() for path in found})
        labelled = [path for path in found if os.path.isfile(label_file(path))]
        finding = snapshot.about_files(
            f"{amount(len(found), 'picture')} in formats not read: {listed(suffixes)}", found
        )
        severity = Severity.ERROR if labelled else Severity.WARNING  # labels are lost with it
        yield Finding(finding.message, finding.count, finding.examples, severity)


@check(
    "files.case_collision",
    severity=Severity.WARNING,
    hint="rename one: on Windows and macOS one overwrites the other",
)
def case_collision(snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
    """Two files of a folder have names that differ in case only."""
    yield from _twins(snapshot, "names that differ in case only", str.casefold)


@check(
    "files.unicode_twins",
    severity=Severity.WARNING,
    hint="rename one: they differ in the Unicode form of a letter only",
)
def unicode_twins(snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
    """Two files of a folder have names that look the same."""
    yield from _twins(snapshot, "names that look the same", lambda path: unicodedata.normalize("NFC", path))


def _twins(snapshot: Snapshot, what: str, key: Callable[[str], str]) -> Iterator[Finding]:
    groups: dict[str, set[str]] = {}
    for path in _odd(set(snapshot.images), key):
        groups.setdefault(key(path), set()).add(path)
    twins = [sorted(group) for group in groups.values() if len(group) > 1]
    if twins:
        examples = (
            Example(snapshot.name(g[0]), None, " / ".join(os.path.basename(p) for p in g[1:])) for g in twins[:20]
        )
        yield Finding(f"{amount(len(twins), 'group')} of images with {what}", len(twins), tuple(examples))


def _odd(paths: set[str], key: Callable[[str], str]) -> Iterable[str]:
    """All paths if any two have one key; few enough to group."""
    return paths if len({key(path) for path in paths}) < len(paths) else ()


@check(
    "files.shared_stem",
    severity=Severity.ERROR,
    hint="rename one: x.jpg and x.png both read x.txt",
    ultralytics="gives both images the labels of that one file",
)
def shared_stem(snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
    """Two images of a folder share a label file."""
    if snapshot.places is not None:
        return  # one file speaks of many images
    first: dict[str, int] = {}
    twins: dict[int, int] = {}
    for i, (label, image) in enumerate(zip(snapshot.labels, snapshot.images, strict=True)):
        if first.setdefault(label, i) != i and snapshot.images[first[label]] != image:
            twins[i] = first[label]
    if twins:
        message = f"{amount(len(twins), 'image')} sharing the label file of another"
        yield snapshot.about_twins(message, twins)


@check(
    "files.stale_npy",
    severity=Severity.WARNING,
    hint="remove it: it is a cache that goes stale",
    ultralytics="reads it in place of the image, even where the image is newer",
)
def stale_npy(snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
    """An .npy file lies beside its image."""
    stems = {os.path.splitext(image)[0] for image in snapshot.images}
    found = [path for path in _others(snapshot) if path.endswith(".npy") and path[:-4] in stems]
    if found:
        yield snapshot.about_files(f"{amount(len(found), '.npy file')} beside images", found)


@check(
    "files.cache_left",
    severity=Severity.INFO,
    hint="it may be removed; yolo-tl never writes one there",
    ultralytics="reads it in place of the labels while names, sizes and times of the files are the same",
)
def cache_left(snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
    """A label cache of Ultralytics lies among the labels."""
    folders = {folder for label in _label_folders(snapshot) for folder in (label, os.path.dirname(label))}
    found = [path for folder in sorted(folders) for path in files_in(folder) if path.endswith(".cache")]
    if found:
        yield snapshot.about_files(f"{amount(len(found), 'label cache')} left", found)


@check(
    "files.hidden_image",
    severity=Severity.INFO,
    hint="remove it (macOS leaves such files beside every real one), or rename it",
    ultralytics="does not see it",
)
def hidden_image(snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
    """The name of an image begins with a dot."""
    pictures = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")
    found = [p for p in _others(snapshot) if os.path.basename(p).startswith(".") and p.lower().endswith(pictures)]
    if found:
        yield snapshot.about_files(f"{amount(len(found), 'hidden image')}", found)


@check(
    "files.listed_twice",
    severity=Severity.WARNING,
    hint="remove the second line",
    ultralytics="trains on it twice in every epoch",
)
def listed_twice(snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
    """An image is listed twice in one split."""
    found = []
    for listing in snapshot.listings.values():
        found += [a for a, b in zip(listing.images, listing.images[1:], strict=False) if a == b]
    if found:
        yield snapshot.about_files(f"{amount(len(found), 'image')} listed more than once in a split", found)


@check(
    "files.label_case",
    severity=Severity.ERROR,
    hint="rename one of the two",
    ultralytics="does not find it: the image becomes a background",
)
def label_case(snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
    """The label file of an image differs from it in case or Unicode form."""
    found = misspelled_labels(snapshot)
    if found:
        message = f"{amount(len(found), 'image')} whose label file is spelled differently"
        yield snapshot.about_images(message, found, lambda i: f"there is {snapshot.name(found[i])}")


def misspelled_labels(snapshot: Snapshot) -> dict[int, str]:
    """Images without a label file, and the file that is theirs but for case or Unicode form."""
    near: dict[str, dict[str, str]] = {}
    known, found = set(snapshot.labels), {}
    for i in np.flatnonzero(snapshot.label_state == LabelState.MISSING) if snapshot.places is None else ():
        folder, name = os.path.split(snapshot.labels[i])
        if folder not in near:
            near[folder] = {_plain(os.path.basename(p)): p for p in files_in(folder) if p not in known}
        if _plain(name) in near[folder]:
            found[int(i)] = near[folder][_plain(name)]
    return found


def _plain(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()
