"""Wilson's score interval of a share: what k among n units say about the rate, also where k is 0.

Wilson 1927, "Probable inference, the law of succession, and statistical inference", JASA 22(158). Nearer to the level
it promises than the exact interval of `exact`, which holds it at least; for a description, not for a proof.
"""

from __future__ import annotations

from math import sqrt
from statistics import NormalDist

from yolo_tl.errors import UsageError
from yolo_tl.evaluation.intervals import require_level


def wilson(count: int, units: int, *, level: float = 0.95) -> tuple[float, float]:
    """The two-sided interval of the rate, without continuity correction.

    >>> [round(end, 4) for end in wilson(0, 72)]
    [0.0, 0.0507]

    Raises:
        UsageError: no unit, more failures than units, or a level that is no share.
    """
    require_level(level)
    if not 0 <= count <= units or units == 0:
        raise UsageError(f"expected 0 to {units} of {units} units, and at least one unit, found {count}")
    z = NormalDist().inv_cdf((1 + level) / 2)
    share, spread = count / units, z * z / units
    centre = (share + spread / 2) / (1 + spread)
    half = z / (1 + spread) * sqrt(share * (1 - share) / units + spread / (4 * units))
    # At the ends the formula is 0 or 1 but for rounding.
    return (0.0 if count == 0 else centre - half), (1.0 if count == units else centre + half)
