"""What goes wrong: kinds of mistakes with what they cost, and the worst of them as pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from yolo_tl.evaluation import ImageResult
from yolo_tl.evaluation.mistakes import Kind, Mistake, Mistakes
from yolo_tl.reporting.album import Album, figures, legend
from yolo_tl.reporting.crops import SAID, TRUTH, Mark
from yolo_tl.reporting.markup import section, table

_MEANING = {
    "classification": "in place, but of the wrong class",
    "localisation": "the right class, but badly placed: IoU 0.1 to 0.5",
    "both": "the wrong class and badly placed",
    "duplicate": "of an object that was found already",
    "background": "where nothing of the kind is",
    "missed": "an object that nothing was said of",
}
_FALSE_ALARMS: tuple[Kind, ...] = ("background", "both", "localisation", "duplicate")
_EACH, _OF_IMAGE = 12, 2  # pictures of a section; of one image in it


def mistake_table(found: Mapping[str, Any]) -> str:
    """The section with the kinds, how many mistakes there are of each, and what they cost.

    Args:
        found: `evaluation.mistakes.Mistakes` as JSON.
    """
    most = max([kind["dap50"] for kind in found["kinds"].values()] + [0.01])
    rows = [
        (
            f"<b>{name}</b> <small>{escape(_MEANING.get(name, ''))}</small>",
            f"{kind['count']:,}",
            f"{kind['dap50']:.3f}",
            f'<svg viewBox="0 0 100 14" preserveAspectRatio="none" role="img" aria-label="{kind["dap50"]:.3f}">'
            f'<rect class="bar" y="3" width="{100 * kind["dap50"] / most:.1f}" height="8"/></svg>',
        )
        for name, kind in found["kinds"].items()
    ]
    about = (
        f"Counted above confidence {found['confidence']:.3f}. The cost is by how much mAP50 would rise without any "
        "mistake of that kind, those of low confidence included (TIDE). The costs do not add up."
    )
    head = ("kind", "count", "cost in mAP50", "")
    return section("Kinds of mistakes", table(head, rows, kind="numbers even"), about=about)


def worst_misses(found: Mistakes, results: Sequence[ImageResult], names: Sequence[str], album: Album) -> str:
    """The section with objects taken for another class, the surest first, and missed ones, the largest first."""
    wrong, missed = found["classification"].mistakes, found["missed"].mistakes
    share = max(_EACH // 2, _EACH - len(missed))
    shown = _figures([(one, "") for one in wrong], found, results, names, album, most=share)
    left = _EACH - len(shown)
    shown += _figures([(one, "") for one in missed], found, results, names, album, most=left)
    count = len(wrong) + len(missed)
    about = f"{count:,} objects taken for another class or missed; the most confident and the largest are shown."
    return _gallery("Worst misses", about, shown)


def worst_false_alarms(found: Mistakes, results: Sequence[ImageResult], names: Sequence[str], album: Album) -> str:
    """The section with false alarms, the most confident first."""
    wrong = [(one, kind) for kind in _FALSE_ALARMS for one in found[kind].mistakes]
    wrong.sort(key=lambda pair: -(pair[0].confidence or 0.0))
    shown = _figures(wrong, found, results, names, album, most=_EACH)
    return _gallery("Worst false alarms", f"{len(wrong):,} in all; the most confident are shown.", shown)


def _gallery(title: str, about: str, shown: Sequence[str]) -> str:
    pictures = figures(shown)
    return (
        section(title, legend() + pictures, about=f"{about} Left what is true, right what the model says.")
        if pictures
        else ""
    )


def _figures(
    wrong: Sequence[tuple[Mistake, str]],
    found: Mistakes,
    results: Sequence[ImageResult],
    names: Sequence[str],
    album: Album,
    *,
    most: int,
) -> list[str]:
    lookup = {result.image: result for result in results}
    seen: dict[str, int] = {}
    shown: list[str] = []
    for one, kind in wrong:
        if len(shown) >= most or album.full:
            break
        if seen.get(one.image, 0) >= _OF_IMAGE:
            continue
        true, said = _boxes(lookup[one.image], found.confidence)
        name = names[one.class_id]
        told = _told(one, names)
        if one.confidence is None:
            true = [*true, Mark(one.xyxy, TRUTH, name, strong=True)]
        else:
            said = [*said, Mark(one.xyxy, SAID, f"{name} {one.confidence:.2f}", strong=True)]
            if one.truth_xyxy is not None and one.truth_class is not None:
                true = [*true, Mark(one.truth_xyxy, TRUTH, names[one.truth_class], strong=True)]
        width, height = one.xyxy[2] - one.xyxy[0], one.xyxy[3] - one.xyxy[1]
        more = f"{kind}, {width:.0f} × {height:.0f} px".removeprefix(", ")
        figure = album.figure(one.image, (true, said), one.xyxy, what=told, more=more)
        if figure:
            shown.append(figure)
            seen[one.image] = seen.get(one.image, 0) + 1
    return shown


def _told(one: Mistake, names: Sequence[str]) -> str:
    """What is wrong, in words."""
    name = names[one.class_id]
    if one.confidence is None:
        return f"{name} missed"
    said = f"{name} {one.confidence:.2f}"
    if one.truth_class is None:
        return f"false alarm: {said}"
    true = names[one.truth_class]
    return f"{true} badly placed: {said}" if true == name else f"{true} taken for {said}"


def _boxes(result: ImageResult, confidence: float) -> tuple[list[Mark], list[Mark]]:
    """All that is true in an image, and all that is said above a confidence, as thin boxes."""
    found = result.detections[result.detections.confidence > confidence]
    true = [Mark(tuple(box), TRUTH) for box in result.in_original(result.truth_xyxy).tolist()]
    said = [Mark(tuple(box), SAID) for box in result.in_original(found.xyxy).tolist()]
    return true, said
