"""The tables of the fine-tuning benchmark, made of its results file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from corruptions import CORRUPTIONS

from finetuning import targets
from finetuning.contestants import (
    B0,
    B0_LONG,
    B1,
    SLIDES,
    STAGED,
    STAGED_LABELS,
    Contestant,
    contestants,
    labelled,
)
from finetuning.estimates import Estimate, Seeds, common, cpu, difference, score
from finetuning.results import RESAMPLES, Results, Run
from finetuning.targets import Runs, Target

NOT_RUN = "not run"
NOTES = f"""\
B0 is `plain`, which is `yolo train` with its defaults made explicit; B1 is `plain` with `nbs` = batch, so with an
optimizer step for every batch. B0 takes so few steps that the gain of a technique counts against B1.

A score is mAP50-95 of the best checkpoint, as the mean over seeds; in brackets its 95 % interval over images
({RESAMPLES} resamples). A difference (Δ) is taken seed by seed on the same images, its interval from the same
resamples for both. The intervals do not speak of other seeds: the range over seeds stands beside them.
`best.pt` is selected on val, so val is optimistic; test chooses nothing. CPU-s are processor seconds of
training with its validations, the mean over seeds.
"""


def page(results: Results) -> str:
    """The whole page, in Markdown."""
    lines = ["# Fine-tuning on few images", "", "Written by `benchmarks/finetune.py`.", "", NOTES]
    for data in results.datasets():
        runs = results.of(data)
        every = [run for seeds in runs.values() for run in seeds.values()]
        lines += [f"## {data}", "", _facts(every), ""]
        sections = (
            ("All training images", _whole(runs), targets.whole(runs, data)),
            ("Time to a score", *_times(runs, data, (B0.name, B1.name))),
            ("Few labels", _few_labels(runs), targets.with_labels(runs, data)),
            ("Staged recipes on few labels", _staged(runs), targets.staged(runs)),
            ("B0 at 100 epochs", *_long(runs, data)),
        )
        for title, table, aims in sections:
            lines += [f"### {title}", "", *table, *_aims(aims)]
    return "\n".join(lines).rstrip() + "\n"


def _facts(runs: Sequence[Run]) -> str:
    """Where the figures come from; all that was, where it was not the same for all runs."""
    made = {"threads": _said(run.config["threads"] for run in runs)}
    made |= {package: _said(run.versions[package] for run in runs) for package in runs[-1].versions}
    versions = ", ".join(f"{name} {said}" for name, said in made.items())
    return f"{runs[-1].weights}, imgsz {runs[-1].config['imgsz']}; CPU, not run on GPU; {versions}."


def _said(values: Iterable[object]) -> str:
    return " or ".join(sorted({str(value) for value in values}))


def _whole(runs: Runs) -> list[str]:
    header = (
        "run, epochs, steps, val, over seeds, test, Δ val to B0, Δ test to B0, Δ val to B1, Δ test to B1, CPU-s, of B0"
    )
    rows = []
    for contestant in contestants():
        if contestant.labels is not None or contestant == B0_LONG:
            continue
        own = runs.get(contestant.name, {})
        deltas = [
            "" if contestant.name == base.name else _signed(difference(own, runs.get(base.name, {}), (split,)))
            for base in (B0, B1)
            for split in ("val", "test")
        ]
        rows.append(_row(contestant, own, _steps(own), *_scores(own), *deltas, *_time(own, runs)))
    return _table(header, rows)


def _times(runs: Runs, data: str, bases: Iterable[str]) -> tuple[list[str], list[Target]]:
    header = "val score of, score, run, epochs, val, of its CPU-s, reached"
    rows, aims = [], []
    for base in bases:
        tried = targets.attempts(runs, base, data)
        for attempt in tried:
            reached = "yes" if attempt.value >= attempt.wanted else "no"
            epochs = _epochs(runs[attempt.name])
            scores = f"{attempt.wanted:.3f}", attempt.name, epochs, f"{attempt.value:.3f}", f"{attempt.share:.0%}"
            rows.append((base, *scores, reached))
        if not tried:
            rows.append(_missing(base, cells=6))
        aims.append(targets.in_less_time(runs, base, data))
    return _table(header, rows), aims


def _long(runs: Runs, data: str) -> tuple[list[str], list[Target]]:
    own = runs.get(B0_LONG.name, {})
    base = _table(
        "run, epochs, steps, val, over seeds, test, CPU-s, of B0",
        [_row(B0_LONG, own, _steps(own), *_scores(own), *_time(own, runs))],
    )
    table, aims = _times(runs, data, (B0_LONG.name,))
    return [*base, *table], aims


def _few_labels(runs: Runs) -> list[str]:
    header = "run, epochs, steps, val, over samples, test, Δ val to B0, Δ val to B1, most CPU-s, of B0"
    rows = []
    for contestant in contestants():
        n = contestant.labels
        if n is None or contestant.name not in (labelled("small-data", n), labelled(SLIDES, n)):
            continue
        own = runs.get(contestant.name, {})
        deltas = [_signed(difference(own, runs.get(base.name, {}))) for base in (B0, B1)]
        _, share = _time(own, runs)
        longest = f"{max(run.cpu for run in own.values()):.0f}" if own else ""
        rows.append(_row(contestant, own, _steps(own), *_scores(own), *deltas, longest, share))
    said = (
        "B0 and B1 train on all images. Samples of one seed are nested; the results file lists their images. "
        "On slides: with the augmentation `microscope`, and as long as B0 takes."
    )
    return [said, "", *_table(header, rows)]


def _staged(runs: Runs) -> list[str]:
    header = (
        "labels, run, epochs, val, test, corrupted val, Δ val to B1, Δ test to B1, Δ corrupted to B1, "
        "Δ val to small-data, CPU-s"
    )
    splits = (("val",), ("test",), tuple(CORRUPTIONS))
    rows = []
    for images in STAGED_LABELS:
        base, unstaged = (runs.get(labelled(name, images), {}) for name in (B1.name, "small-data"))
        for name in (B1.name, "small-data", *STAGED):
            own = runs.get(labelled(name, images), {})
            if not own:
                rows.append(_missing(str(images), name, cells=9))
                continue
            deltas = ["" if name == B1.name else _signed(difference(own, base, split)) for split in splits]
            deltas.append(_signed(difference(own, unstaged)) if name in STAGED else "")
            scores = [_bracketed(score(own, split)) for split in splits]
            rows.append((str(images), name, _epochs(own), *scores, *deltas, f"{cpu(own):.0f}"))
    said = (
        "All train on the same images, those of the samples above, for as many epochs. Corrupted val is the mean of "
        f"{', '.join(CORRUPTIONS)}. Δ to B1 is of the whole recipe; Δ to small-data is what stages and rates add. "
        "The best of several recipes is chosen on the very figures shown, which flatters it."
    )
    return [said, "", *_table(header, rows)]


def _row(contestant: Contestant, own: Seeds, *cells: str) -> tuple[str, ...]:
    """A row that begins with the name and the epochs; of a run that is missing, it says so instead."""
    return (contestant.name, _epochs(own), *cells) if own else _missing(contestant.name, cells=len(cells) + 1)


def _missing(*known: str, cells: int) -> tuple[str, ...]:
    """A row without figures."""
    return (*known, NOT_RUN, *[""] * (cells - 1))


def _epochs(own: Seeds) -> str:
    """Epochs trained; fewer than planned where the score had stopped to rise."""
    return _range([run.epochs for run in own.values()])


def _steps(own: Seeds) -> str:
    return _range([run.steps for run in own.values() if run.steps is not None])


def _range(values: Sequence[int]) -> str:
    return "–".join(str(value) for value in sorted({min(values), max(values)})) if values else ""


def _scores(own: Seeds) -> tuple[str, str, str]:
    """Val with its interval, the range over seeds, and test with its interval."""
    val = score(own)
    spread = ""
    if val is not None:
        low, high = min(val.by_seed.values()), max(val.by_seed.values())
        spread = f"{len(val.by_seed)}: {low:.3f} to {high:.3f}" if len(val.by_seed) > 1 else "1"
    return _bracketed(val), spread, _bracketed(score(own, ("test",)))


def _time(own: Seeds, runs: Runs) -> tuple[str, str]:
    """Processor seconds, and as a share of those of B0 with the same seeds."""
    ours, theirs = common(own, runs.get(B0.name, {}))
    return f"{cpu(own):.0f}" if own else "", f"{cpu(ours) / cpu(theirs):.2f}" if ours else NOT_RUN


def _bracketed(estimate: Estimate | None) -> str:
    return f"{estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]" if estimate else "–"


def _signed(estimate: Estimate | None) -> str:
    return f"{estimate.value:+.3f} [{estimate.low:+.3f}, {estimate.high:+.3f}]" if estimate else "–"


def _aims(aims: Sequence[Target]) -> list[str]:
    return [*map(str, aims), ""] if aims else []


def _table(header: str, rows: Iterable[Sequence[str]]) -> list[str]:
    names = header.split(", ")
    lines = [names, ["---"] * len(names), *rows]
    return [*(f"| {' | '.join(line)} |" for line in lines), ""]
