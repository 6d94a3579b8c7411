"""What fine-tuning is meant to reach, and whether the runs of a data set reach it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from corruptions import CORRUPTIONS

from finetuning.contestants import B0, B0_LONG, B1, BUDGET, SLIDES, STAGED, STAGED_LABELS, labelled
from finetuning.estimates import Estimate, Seeds, common, cpu, difference, score

Runs = Mapping[str, Seeds]  # by contestant, then by seed
SAMPLES = 3  # of the images of each number of labels

# For BCCD
FULL = 0.63  # small-data, in the time of B0
PILOT = {B0.name: 0.479, B1.name: 0.595}  # what they scored once; they have to be beaten as they are now, and then
LABELS = {50: 0.58, 25: 0.56, 10: 0.52, 5: 0.45}
SHARE = {B0.name: 0.25, B1.name: 0.5, B0_LONG.name: 0.35}  # of the time of each, for its score

STAGED_CLEAN, STAGED_CORRUPTED, STAGED_SIZES = 0.015, 0.02, 2
SMALL_DATA = ("small-data", *(contestant.name for contestant in BUDGET))


@dataclass(frozen=True)
class Target:
    """One aim.

    Attributes:
        text: the aim.
        met: whether it is; None where runs are missing.
        found: what the runs say.
    """

    text: str
    met: bool | None
    found: str = ""

    def __str__(self) -> str:
        word = "not run" if self.met is None else "met" if self.met else "missed"
        return f"- target: {self.text}: **{word}**" + (f" ({self.found})" if self.found else "")


@dataclass(frozen=True)
class Attempt:
    """A small-data run on all images beside a baseline, over the seeds that both have.

    Attributes:
        name: of the contestant.
        share: its processor time, as a share of that of the baseline.
        value: its val score.
        wanted: that of the baseline; on BCCD not below the pilot's.
    """

    name: str
    share: float
    value: float
    wanted: float


def attempts(runs: Runs, base: str, data: str) -> list[Attempt]:
    """Each small-data run on all images beside the baseline `base`."""
    least = PILOT.get(base, 0.0) if is_bccd(data) else 0.0
    found = []
    for name in SMALL_DATA:
        own, theirs = common(runs.get(name, {}), runs.get(base, {}))
        reached, baseline = score(own), score(theirs)
        if reached and baseline:
            found.append(Attempt(name, cpu(own) / cpu(theirs), reached.value, max(baseline.value, least)))
    return found


def is_bccd(data: str) -> bool:
    """Whether a data set is the one that the figures are for."""
    return data.lower().startswith("bccd")


def whole(runs: Runs, data: str) -> list[Target]:
    """small-data on all images."""
    found = []
    if is_bccd(data):
        found += [_in_time_of_b0(runs, data), _test_as_val(runs)]
    if data.lower().startswith("deeppcb"):
        delta = _difference(runs, "small-data", B0.name)
        text = "small-data beats B0, the interval above zero"
        found.append(Target(text, delta.above_zero if delta else None, _signed(delta) if delta else ""))
    return found


def in_less_time(runs: Runs, base: str, data: str) -> Target:
    """The score of a baseline in a share of its processor time."""
    limit = SHARE[base]
    text = f"small-data reaches the val score of {base} in at most {limit:.0%} of its CPU-s"
    if not runs.get(base):
        return Target(text, None)
    short = [attempt for attempt in attempts(runs, base, data) if attempt.share <= limit]
    if not short:
        return Target(text, None, "no run of small-data is as short")
    best = max(short, key=lambda attempt: attempt.value - attempt.wanted)
    found = f"{best.name}: {best.value:.3f} of {best.wanted:.3f} in {best.share:.0%}"
    return Target(text, best.value >= best.wanted, found)


def with_labels(runs: Runs, data: str) -> list[Target]:
    """small-data on a few images."""
    return [_few(runs, images, wanted) for images, wanted in LABELS.items()] if is_bccd(data) else []


def staged(runs: Runs) -> list[Target]:
    """The best staged recipe beside B1, on clean and on corrupted images."""
    aims = (
        (f"by {STAGED_CLEAN} or more, the interval above zero", ("val",), STAGED_CLEAN, True),
        (f"by {STAGED_CORRUPTED} or more on corrupted val", tuple(CORRUPTIONS), STAGED_CORRUPTED, False),
    )
    return [_best_staged(runs, *aim) for aim in aims]


def _in_time_of_b0(runs: Runs, data: str) -> Target:
    text = f"small-data ≥ {FULL} val in the CPU-s of B0"
    tried = attempts(runs, B0.name, data)
    if "small-data" not in [attempt.name for attempt in tried]:
        return Target(text, None)
    in_time = [attempt for attempt in tried if attempt.share <= 1]
    best = max(in_time or tried, key=lambda attempt: attempt.value)
    return Target(text, bool(in_time) and best.value >= FULL, f"{best.name}: {best.value:.3f} in {best.share:.0%}")


def _test_as_val(runs: Runs) -> Target:
    text = "test of small-data within the interval of val"
    val, test = (score(runs.get("small-data", {}), (split,)) for split in ("val", "test"))
    if val is None or test is None:
        return Target(text, None)
    return Target(text, val.low <= test.value <= val.high, f"{test.value:.3f} in [{val.low:.3f}, {val.high:.3f}]")


def _few(runs: Runs, images: int, wanted: float) -> Target:
    own, base = runs.get(labelled(SLIDES, images), {}), runs.get(B0.name, {})
    text = f"{images} images ≥ {wanted} val, the mean of {SAMPLES} samples, none in more CPU-s than B0"
    found = score(own)
    if found is None or not base or len(own) < SAMPLES:
        return Target(text, None, f"{len(own)} of {SAMPLES} samples")
    longest, limit = max(run.cpu for run in own.values()), cpu(base)
    met = found.value >= wanted and longest <= limit
    return Target(text, met, f"{found.value:.3f}, at most {longest:.0f} of {limit:.0f} CPU-s")


def _best_staged(runs: Runs, how: str, splits: tuple[str, ...], least: float, above_zero: bool) -> Target:
    sizes = ", ".join(map(str, STAGED_LABELS))
    text = f"one staged recipe beats B1 {how}, at {STAGED_SIZES} or more of {sizes} labels"
    won, missing = {}, False
    for name in STAGED:
        deltas = [_difference(runs, labelled(name, n), labelled(B1.name, n), splits) for n in STAGED_LABELS]
        missing = missing or None in deltas
        good = [d for d in deltas if d and d.value >= least and (d.above_zero or not above_zero)]
        won[name] = (len(good), sum(d.value for d in deltas if d))
    best = max(won, key=lambda name: won[name])
    if won[best][0] >= STAGED_SIZES:
        return Target(text, True, f"{best}: at {won[best][0]}")
    return Target(text, None) if missing else Target(text, False, f"{best}: at {won[best][0]}")


def _difference(runs: Runs, a: str, b: str, splits: tuple[str, ...] = ("val",)) -> Estimate | None:
    return difference(runs.get(a, {}), runs.get(b, {}), splits)


def _signed(delta: Estimate) -> str:
    return f"{delta.value:+.3f} [{delta.low:+.3f}, {delta.high:+.3f}]"
