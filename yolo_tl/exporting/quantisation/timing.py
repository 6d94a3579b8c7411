"""How long one network takes beside another, on a machine that has other things to do, too."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from yolo_tl.edge.network import Network
from yolo_tl.errors import ExportError


@dataclass(frozen=True)
class TimeRatio:
    """CPU time of a second network over that of a first.

    Attributes:
        median: of the ratios of all rounds.
        low: their lower quartile.
        high: their upper quartile.
        a_ms: median CPU time of a run of the first, ms.
        b_ms: of the second.
    """

    median: float
    low: float
    high: float
    a_ms: float
    b_ms: float

    def to_json(self) -> dict[str, float]:
        """Plain numbers."""
        return asdict(self)

    def describe(self) -> str:
        """In a few words for people."""
        return f"{self.median:.2f} x the time ({self.b_ms:.1f} ms of CPU against {self.a_ms:.1f} ms)"


def paired_time(
    a: Network, b: Network, tensor: NDArray[np.float32], *, rounds: int = 40, warm_up: int = 3
) -> TimeRatio:
    """Run two networks in turn and compare each pair of runs.

    CPU time of the process is counted, so what other processes do matters little; and what slows the processor down
    slows both runs of a pair. Load both networks with one thread: waiting threads would count, too.

    Args:
        a: the first network.
        b: the second.
        tensor: images (N, 3, H, W) that both take; each round has one of them.
        rounds: pairs.
        warm_up: runs of each before.
    """
    times = np.zeros((rounds, 2))
    networks = (a, b)
    for turn in range(-warm_up, rounds):
        image = tensor[turn % len(tensor)][None]
        for which in (0, 1) if turn % 2 else (1, 0):
            start = time.process_time()
            networks[which].run(image)
            if turn >= 0:
                times[turn, which] = time.process_time() - start
    ratios = times[:, 1] / np.maximum(times[:, 0], 1e-9)
    low, median, high = (float(value) for value in np.quantile(ratios, (0.25, 0.5, 0.75)))
    a_ms, b_ms = (float(value) for value in 1e3 * np.median(times, axis=0))
    return TimeRatio(median, low, high, a_ms, b_ms)


def require_faster(ratio: TimeRatio, what: str) -> None:
    """Fail where 8 bits cost time instead of saving it.

    Args:
        ratio: of the 8-bit network to the one in float.
        what: the 8-bit network, for the message.

    Raises:
        ExportError: it is slower.
    """
    if ratio.median >= 1:
        raise ExportError(
            f"{what}: in 8 bits it takes {ratio.describe()}: slower than in float on this processor, and less exact",
            hint="export in float, or for the processor it will run on (quantisation.target), or accept it "
            "(quantisation.slower true)",
        )
