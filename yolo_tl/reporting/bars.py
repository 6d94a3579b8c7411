"""Numbers with their intervals, drawn: a score from zero to one, a difference around zero."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from yolo_tl.reporting.markup import number

Interval = Sequence[float] | None
UNMEASURABLE = "not measurable"


def score_bar(value: float, interval: Interval, before: float | None = None) -> str:
    """A bar from 0 to `value`, with whiskers and a stroke at the value of the start weights, and the interval."""
    drawn, said = f'<rect class="bar" y="4" width="{100 * value:.1f}" height="6"/>', f"{value:.3f}"
    if interval:
        low, high = (100 * limit for limit in interval)
        drawn += f'<path class="whisker" d="M{low:.1f} 7H{high:.1f}M{low:.1f} 3V11M{high:.1f} 3V11"/>'
        said = f"{interval[0]:.3f} to {interval[1]:.3f}"
    if before is not None:
        drawn += f'<path class="before" d="M{100 * before:.1f} 1V13"/>'
    return _drawing(drawn, said) + f"<span>{said if interval else UNMEASURABLE}</span>"


def difference_bar(observed: float | None, interval: Interval, reach: float) -> str:
    """A dot at `observed` on a line from -`reach` to `reach`, with whiskers; coloured where zero is outside.

    Args:
        observed: the difference; None where it cannot be measured.
        interval: its interval.
        reach: the end of the line, so that the lines of a table can be compared; see `reach_of`.
    """
    if observed is None or observed != observed:
        return _drawing('<path class="zero" d="M50 1V13"/>', UNMEASURABLE) + f"<span>{UNMEASURABLE}</span>"

    def at(value: float) -> float:
        return min(max(50 + 50 * value / reach, 0.5), 99.5)

    tone, said, drawn = "level", f"{observed:+.3f}", ""
    if interval:
        low, high = (at(limit) for limit in interval)
        tone = "above" if interval[0] > 0 else "below" if interval[1] < 0 else "level"
        drawn = f'<path class="whisker" d="M{low:.1f} 7H{high:.1f}M{low:.1f} 3V11M{high:.1f} 3V11"/>'
        said = f"{interval[0]:+.3f} to {interval[1]:+.3f}"
    drawn = f'<path class="zero" d="M50 1V13"/>{drawn}<path class="dot" d="M{at(observed):.1f} 7h0"/>'
    return _drawing(drawn, f"{number(observed, '+.3f')}, {said}", tone) + f"<span>{said}</span>"


def reach_of(intervals: Iterable[Interval]) -> float:
    """How far from zero the lines of differences must go to hold all of them."""
    ends = [abs(limit) for interval in intervals if interval for limit in interval if limit == limit]
    return max([*ends, 0.01]) * 1.05


def _drawing(content: str, said: str, tone: str = "") -> str:
    kind = f' class="{tone}"' if tone else ""
    return f'<svg{kind} viewBox="0 0 100 14" preserveAspectRatio="none" role="img" aria-label="{said}">{content}</svg>'
