"""The verdict on transfer: a pretrained start against scratch, a planted bad start, and what the verdict costs.

    python benchmarks/verdict.py DATA --weights WEIGHTS [--seeds 0 1 2] [--work FOLDER]
    python benchmarks/verdict.py --table

DATA is a converted data set, WEIGHTS is a COCO-pretrained checkpoint. For every seed there is a verdict on WEIGHTS, and
one on WEIGHTS with the values of each tensor of its trunk in another order, which has to be flagged. Each verdict is a
line of the results file and is not repeated; one that was stopped goes on from its runs in FOLDER. The table beside
the results file is made of it after every verdict, or by ``--table`` alone.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from importlib import metadata
from pathlib import Path

import msgspec

sys.path.insert(0, str(Path(__file__).parent))
from json_lines import JsonLines
from permuted import permuted_checkpoint

import yolo_tl
from yolo_tl.api.verdicts import Verdict, verdict
from yolo_tl.files import write_text
from yolo_tl.transfer.progress import Silent

AS_IT_IS, PERMUTED = "as it is", "permuted"
PACKAGES = ("yolo-tl", "ultralytics", "torch", "numpy")
SHARE = 0.35  # of training every candidate in full


class Setting(msgspec.Struct, frozen=True):
    """What a verdict was asked.

    Attributes:
        data: name of the data set.
        fingerprint: of its content, the first digits.
        weights: name of the checkpoint.
        start: as it is, or permuted.
        seed: of training, and of the permutation.
        epochs: of a full run.
        imgsz: side of the input, px.
        threads: of the processor.
    """

    data: str
    fingerprint: str
    weights: str
    start: str
    seed: int
    epochs: int
    imgsz: int
    threads: int


class Record(msgspec.Struct, frozen=True):
    """A verdict.

    Attributes:
        setting: what was asked.
        outcome: use this, no difference or negative transfer.
        flagged: whether something is wrong with the start.
        recipe: the best way to transfer.
        transfer: its mAP50-95.
        scratch: that of training from scratch.
        low: lower end of the interval of the difference.
        high: upper end.
        features: LogME of objects against background, of the start.
        random: the largest of the random networks.
        compared: epochs of the runs that were compared.
        cpu: processor seconds spent.
        full: processor seconds that training every candidate in full would take.
        versions: of the packages that decide a result.
    """

    setting: Setting
    outcome: str
    flagged: bool
    recipe: str
    transfer: float
    scratch: float
    low: float
    high: float
    features: float
    random: float
    compared: int
    cpu: float
    full: float
    versions: dict[str, str]

    @classmethod
    def of(cls, setting: Setting, found: Verdict) -> Record:
        """Of a verdict on a single start."""
        change = found.comparison.map50_95
        assert change.low is not None
        assert change.high is not None
        return cls(
            setting=setting,
            outcome=found.outcome,
            flagged=found.flagged,
            recipe=found.transfer.recipe,
            transfer=change.a,
            scratch=change.b,
            low=change.low,
            high=change.high,
            features=found.start.score,
            random=max(found.start.random),
            compared=found.epochs,
            cpu=round(found.cpu_seconds, 1),
            full=round(found.full_cpu_seconds, 1),
            versions={package: metadata.version(package) for package in PACKAGES},
        )


class Notes(Silent):
    """Shows what a verdict is at."""

    def note(self, text: str) -> None:
        """A line."""
        print(f"  {text}", flush=True)


def page(records: Sequence[Record]) -> str:
    """The table, in Markdown: the records of the newest setting."""
    lines = ["# Verdict on transfer", "", "Written by `benchmarks/verdict.py`.", ""]
    if not records:
        return "\n".join([*lines, "Not run.", ""])
    newest = _common(records[-1])
    shown = {(r.setting.start, r.setting.seed): r for r in records if _common(r) == newest}
    rows = sorted(shown.values(), key=lambda r: (r.setting.start, r.setting.seed))
    of = records[-1].setting
    versions = ", ".join(f"{name} {version}" for name, version in records[-1].versions.items())
    lines += [
        f"{of.data}, {of.weights}, imgsz {of.imgsz}, full runs of {of.epochs} epochs, compared after "
        f"{records[-1].compared}; CPU, {of.threads} threads, not run on GPU; {versions}.",
        "",
        "Permuted: the values of every tensor of the trunk in another order, so nothing is left of what was learnt. "
        "Features is the LogME of objects against background at the levels that the head reads, and beside it the "
        "largest of three random networks. A start is flagged if the verdict is not *use this*, or its features are no "
        "better than those. The share is of training every candidate in full, by the processor time of their epochs.",
        "",
        *_table(
            "start, seed, verdict, best way, mAP50-95, scratch, difference, features, random, flagged, CPU-s, share",
            [
                (
                    r.setting.start,
                    str(r.setting.seed),
                    r.outcome,
                    r.recipe,
                    f"{r.transfer:.3f}",
                    f"{r.scratch:.3f}",
                    f"{r.transfer - r.scratch:+.3f} [{r.low:+.3f}, {r.high:+.3f}]",
                    f"{r.features:.3f}",
                    f"{r.random:.3f}",
                    "yes" if r.flagged else "no",
                    f"{r.cpu:.0f}",
                    f"{r.cpu / r.full:.0%}",
                )
                for r in rows
            ],
        ),
    ]
    good = [r for r in rows if r.setting.start == AS_IT_IS]
    planted = [r for r in rows if r.setting.start == PERMUTED]
    aims = [
        ("the interval of the pretrained start against scratch lies above zero", [r.low > 0 for r in good]),
        ("the pretrained start is not flagged", [not r.flagged for r in good]),
        ("the permuted start is flagged", [r.flagged for r in planted]),
        ("the features alone tell that it is permuted", [r.features <= r.random for r in planted]),
        (
            f"a verdict costs at most {SHARE:.0%} of training every candidate in full",
            [r.cpu <= SHARE * r.full for r in rows],
        ),
    ]
    return "\n".join([*lines, *(_aim(text, met) for text, met in aims), ""])


def _aim(text: str, met: Sequence[bool]) -> str:
    word = "not run" if not met else "met" if all(met) else "missed"
    return f"- target: {text}: **{word}** ({sum(met)} of {len(met)})"


def _common(record: Record) -> Setting:
    """All but the start and the seed."""
    return msgspec.structs.replace(record.setting, start="", seed=0)


def _table(header: str, rows: Iterable[Sequence[str]]) -> list[str]:
    names = header.split(", ")
    return [*(f"| {' | '.join(line)} |" for line in (names, ["---"] * len(names), *rows)), ""]


def settings(asked: argparse.Namespace) -> Iterator[Setting]:
    """What is asked, seed by seed."""
    fingerprint = yolo_tl.fingerprint(asked.data, files=True)[:12]
    for seed in asked.seeds:
        for start in (AS_IT_IS, PERMUTED):
            yield Setting(
                data=asked.data.name,
                fingerprint=fingerprint,
                weights=Path(asked.weights).name,
                start=start,
                seed=seed,
                epochs=asked.epochs,
                imgsz=asked.imgsz,
                threads=asked.threads,
            )


def run(setting: Setting, asked: argparse.Namespace) -> Record:
    """Train as much as the verdict needs."""
    name = f"{setting.data}-{setting.start.replace(' ', '-')}-seed{setting.seed}"
    weights = asked.weights
    if setting.start == PERMUTED:
        weights = permuted_checkpoint(weights, asked.work / f"permuted-seed{setting.seed}.pt", setting.seed)
    found = verdict(
        asked.data,
        weights,
        out=asked.work / name,
        epochs=setting.epochs,
        seeds=(setting.seed,),
        overrides={"imgsz": setting.imgsz, "threads": setting.threads, "device": "cpu"},
        listener=Notes(),
    )
    return Record.of(setting, found)


def main(arguments: list[str] | None = None) -> None:
    """Run what is missing and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=lambda text: Path(text).resolve(), nargs="?", help="a converted data set")
    parser.add_argument("--weights", help="the checkpoint to start from")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--epochs", type=int, default=27, help="of a full run")
    parser.add_argument("--imgsz", type=int, default=320)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--work", type=Path, default=Path("runs") / "benchmark-verdict", help="folder for the runs")
    parser.add_argument("--results", type=Path, default=Path(__file__).with_suffix(".jsonl"))
    parser.add_argument("--table", action="store_true", help="only write the table")
    asked = parser.parse_args(arguments)
    results, table = JsonLines(asked.results, Record), asked.results.with_suffix(".md")
    if asked.table:
        write_text(table, page(results.all))
        return
    if not asked.data or not asked.weights:
        parser.error("expected DATA and --weights, or --table")
    for setting in settings(asked):
        if any(record.setting == setting for record in results.all):
            continue
        print(f"{setting.data}, {setting.weights} {setting.start}, seed {setting.seed}", flush=True)
        found = run(setting, asked)
        results.append(found)
        print(f"{found.outcome}, {found.cpu:.0f} CPU-s, {found.cpu / found.full:.0%} of all in full", flush=True)
        write_text(table, page(results.all))


if __name__ == "__main__":
    main()
