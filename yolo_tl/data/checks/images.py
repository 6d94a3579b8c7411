"""Checks of the images: what cannot be decoded, what a decoder sees otherwise than people, what is there twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np

from yolo_tl.data.checks.base import CheckOptions, amount, check, listed
from yolo_tl.data.checks.finding import Finding, Severity
from yolo_tl.data.checks.labels import IGNORED
from yolo_tl.data.checks.probe import End, State
from yolo_tl.data.checks.snapshot import Snapshot
from yolo_tl.data.duplicates import Duplicates, near_duplicates

_TINY = 10  # px; Ultralytics refuses a side below
_SMALL = 32  # px; the coarsest stride of a YOLO network
_ELONGATED = 8.0
_FLAT = 2.0  # grey levels of deviation
_SUFFIXES = {
    "jpeg": (".jpg", ".jpeg", ".mpo"),
    "png": (".png",),
    "bmp": (".bmp",),
    "webp": (".webp",),
    "tiff": (".tif", ".tiff", ".dng"),
    "gif": (".gif",),
    "avif": (".avif",),
    "heif": (".heic", ".heif"),
    "jp2": (".jp2",),
    "pnm": (".pnm", ".ppm", ".pgm", ".pbm"),
}
_NOT_TRAINED_ON = {"gif", "pnm"}


def right_suffix(path: str, format: str) -> str:
    """The suffix that a file of this content should have; "" where it has one that fits.

    >>> right_suffix("a.jpg", "png"), right_suffix("a.JPEG", "jpeg")
    ('.png', '')
    """
    fits = _SUFFIXES.get(format, ())
    return fits[0] if fits and _suffix(path) not in fits else ""


def _suffix(path: str) -> str:
    return "." + path.rpartition(".")[2].lower()


def near(snapshot: Snapshot, options: CheckOptions) -> Duplicates:
    """The near-duplicates of a data set, found once."""
    return snapshot.once("near", lambda: near_duplicates(snapshot.pixels(options.workers)))


@check(
    "images.corrupt",
    severity=Severity.ERROR,
    hint="copy it again; yolo-tl fix leaves it out",
    ultralytics=IGNORED,
)
def corrupt(snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
    """An image file is not an image."""
    found = np.flatnonzero(snapshot.state == State.CORRUPT)
    if len(found):
        message = f"{amount(len(found), 'image')} unreadable from the first bytes on"
        yield snapshot.about_images(message, found, lambda i: snapshot.probes[i].detail)


@check(
    "images.undecodable",
    severity=Severity.ERROR,
    hint="copy it again; yolo-tl fix leaves it out",
    ultralytics=IGNORED + ", or stops in the middle of an epoch",
    pixels=True,
)
def undecodable(snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
    """An image has a sound header and cannot be decoded."""
    ends = np.array([p.end for p in snapshot.probes], np.int8)
    sound = (snapshot.state == State.SOUND) & (ends != End.TRUNCATED)
    found = np.flatnonzero(sound & ~snapshot.pixels(options.workers).readable)
    if len(found):
        yield snapshot.about_images(f"{amount(len(found), 'image')} that cannot be decoded", found)


@check(
    "images.truncated",
    severity=Severity.ERROR,
    hint="copy it again; yolo-tl fix leaves it out",
    ultralytics=IGNORED,
)
def truncated(snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
    """An image file ends before the image does."""
    found = [i for i, p in enumerate(snapshot.probes) if p.end == End.TRUNCATED]
    if found:
        yield snapshot.about_images(f"{amount(len(found), 'image')} cut off", found)


@check(
    "images.no_end_marker",
    severity=Severity.WARNING,
    hint="train with yolo-tl, which works on copies of such files; or write them anew yourself",
    ultralytics="encodes the file anew, in its place: the pixels of your original change",
)
def no_end_marker(snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
    """A JPEG has bytes after its end marker."""
    found = [i for i, p in enumerate(snapshot.probes) if p.end == End.TRAILING and p.format == "jpeg"]
    if found:
        yield snapshot.about_images(f"{amount(len(found), 'JPEG')} with bytes after the end marker", found)


@check(
    "images.absurd_header",
    severity=Severity.ERROR,
    hint="cut it into tiles, or replace it if it is damaged",
    ultralytics=IGNORED,
)
def absurd_header(snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
    """An image claims more pixels than decoders accept."""
    found = np.flatnonzero(snapshot.state == State.ABSURD)
    if len(found):
        message = f"{amount(len(found), 'image')} of absurd size"
        yield snapshot.about_images(message, found, lambda i: snapshot.probes[i].detail)


@check(
    "images.tiny",
    severity=Severity.ERROR,
    hint="remove it, or find the picture it is a thumbnail of",
    ultralytics=f"below {_TINY} px a side it {IGNORED}; above, it enlarges the image",
)
def tiny(snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
    """An image has hardly any pixels."""
    side = snapshot.size.min(axis=1, initial=1 << 30)
    for most, severity in ((_TINY, Severity.ERROR), (_SMALL, Severity.WARNING)):
        found = np.flatnonzero((snapshot.state == State.SOUND) & (side < most) & (side >= (0, _TINY)[most == _SMALL]))
        if len(found):
            message = f"{amount(len(found), 'image')} with a side below {most} px"
            yield snapshot.about_images(message, found, lambda i: _size(snapshot, i), severity=severity)


@check(
    "images.extreme_aspect",
    severity=Severity.WARNING,
    hint="cut it into tiles",
    ultralytics="scales the long side to imgsz: the short one is left with few pixels",
)
def extreme_aspect(snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
    """An image is very long."""
    size = np.maximum(snapshot.size, 1)
    found = np.flatnonzero((snapshot.state == State.SOUND) & (size.max(axis=1) / size.min(axis=1) > _ELONGATED))
    if len(found):
        message = f"{amount(len(found), 'image')} longer than {_ELONGATED:g} times the width"
        yield snapshot.about_images(message, found, lambda i: _size(snapshot, i))


@check(
    "images.exif_orientation",
    severity=Severity.INFO,
    hint="look at a few: where the boxes lie beside the objects, the tool that drew them ignored EXIF",
    ultralytics="turns it, so labels have to be those of the upright image",
)
def exif_orientation(snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
    """EXIF says to turn the image."""
    found = [i for i, p in enumerate(snapshot.probes) if p.orientation != 1]
    if found:
        message = f"{amount(len(found), 'image')} turned or mirrored by EXIF"
        yield snapshot.about_images(message, found, lambda i: f"orientation {snapshot.probes[i].orientation}")


@check(
    "images.odd_mode",
    severity=Severity.WARNING,
    hint="write the images anew as 8 bit RGB; stretch 16 bit ones over the range that is used",
    ultralytics="drops alpha, converts CMYK, and keeps the upper 8 of 16 bits: 12 bit cameras come out all but black",
)
def odd_mode(snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
    """The pixels are not 8 bit grey or colour."""
    odd = [i for i, p in enumerate(snapshot.probes) if p.mode in ("16 bit", "cmyk", "alpha")]
    if odd:
        modes = Counter(snapshot.probes[i].mode for i in odd)
        said = ", ".join(f"{count:,} {mode}" for mode, count in modes.most_common())
        yield snapshot.about_images(f"images of odd modes: {said}", odd, lambda i: snapshot.probes[i].mode)


@check(
    "images.mixed_modes",
    severity=Severity.INFO,
    hint="if a deployed camera is one of the two, mind that the other teaches what it never sees",
    ultralytics="makes three channels of every image",
)
def mixed_modes(snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
    """Grey and colour images are mixed."""
    modes = np.array([p.mode for p in snapshot.probes])
    grey, colour = np.flatnonzero(modes == "grey"), np.flatnonzero((modes == "colour") | (modes == "palette"))
    if len(grey) and len(colour):
        rare = min(grey, colour, key=len)
        yield snapshot.about_images(f"{len(grey):,} grey and {len(colour):,} colour images", rare)


@check(
    "images.suffix_mismatch",
    severity=Severity.WARNING,
    hint="rename it; some tools go by the suffix",
    ultralytics="goes by the content; GIF and PNM it " + IGNORED,
)
def suffix_mismatch(snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
    """An image is of another format than its suffix says."""
    found = [
        i
        for i, p in enumerate(snapshot.probes)
        if p.state == State.SOUND and right_suffix(snapshot.images[i], p.format)
    ]
    if found:
        lost = any(snapshot.probes[i].format in _NOT_TRAINED_ON for i in found)
        formats = listed(sorted({f"{snapshot.probes[i].format} as {_suffix(snapshot.images[i])}" for i in found}))
        yield snapshot.about_images(
            f"{amount(len(found), 'image')} with the wrong suffix: {formats}",
            found,
            lambda i: snapshot.probes[i].format,
            severity=Severity.ERROR if lost else Severity.WARNING,
        )


@check(
    "images.mixed_sizes",
    severity=Severity.INFO,
    hint="objects of one real size come out in many: check that the deployed camera is among them",
    ultralytics="scales the longer side of each to imgsz",
)
def mixed_sizes(snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
    """The images are of very different sizes."""
    sides = snapshot.size.max(axis=1, initial=0)
    sides = sides[sides > 0]
    if len(sides) >= 10:
        low, high = np.percentile(sides, [5, 95])
        if high > 4 * low:
            yield Finding(f"the longer sides range from {low:.0f} to {high:.0f} px (5 % to 95 % of the images)")


@check(
    "images.uniform",
    severity=Severity.WARNING,
    hint="a closed shutter, a failed render, a blank scan: remove it, or keep it as a background on purpose",
    pixels=True,
)
def uniform(snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
    """An image shows a single shade."""
    thumbs = snapshot.pixels(options.workers)
    spread = thumbs.pixels.astype(np.float32).std(axis=(1, 2))
    # A thumb averages noise away; only the image itself can say that there is none.
    found = [int(i) for i in np.flatnonzero(thumbs.readable & (spread < _FLAT)) if _spread(snapshot.images[i]) < _FLAT]
    if found:
        level = lambda i: f"grey level {thumbs.pixels[i].mean():.0f}"  # noqa: E731
        yield snapshot.about_images(f"{amount(len(found), 'image')} of a single shade", found, level)


@check(
    "images.exact_duplicate",
    severity=Severity.WARNING,
    hint="remove the copies: yolo-tl fix",
    ultralytics="trains on it twice in every epoch",
)
def exact_duplicate(snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
    """An image is in one split twice."""
    first = snapshot.content
    seen: dict[tuple[int, int], int] = {}
    found: dict[int, int] = {}
    for i in range(len(snapshot)):
        key = int(first[i]), int(snapshot.split[i])
        if seen.setdefault(key, i) != i and snapshot.images[i] != snapshot.images[seen[key]]:
            found[i] = seen[key]
    if found:
        message = f"{amount(len(found), 'copy')} of images of the same split"
        yield snapshot.about_twins(message, found)


@check(
    "images.near_duplicate",
    severity=Severity.INFO,
    hint="they cost labelling and teach little; keep one, or none but one of each series",
    pixels=True,
)
def near_duplicate(snapshot: Snapshot, options: CheckOptions) -> Iterator[Finding]:
    """Two images of a split show the same."""
    found: dict[int, int] = {}
    for a, b in near(snapshot, options).pairs.tolist():
        if snapshot.split[a] == snapshot.split[b] and snapshot.content[a] != snapshot.content[b]:
            found.setdefault(b, a)
    if found:
        message = f"{amount(len(found), 'image')} all but equal to another of the same split"
        yield snapshot.about_twins(message, found)


def _size(snapshot: Snapshot, image: int) -> str:
    return "{} x {} px".format(*snapshot.size[image])


def _spread(path: str) -> float:
    import cv2

    try:
        image = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR)
    except (OSError, cv2.error):
        return 255.0
    return 255.0 if image is None else float(image.std(axis=(0, 1)).max())
