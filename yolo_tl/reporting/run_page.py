"""A training run as one HTML file: what was done and why, what came of it, how to go on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from yolo_tl.data.documents import load_json
from yolo_tl.engine.run_record import RunRecord, read_run
from yolo_tl.evaluation import Predictions
from yolo_tl.evaluation.bootstrap import Resampling
from yolo_tl.evaluation.mistakes import mistakes
from yolo_tl.files import require_schema, sha256
from yolo_tl.reporting import training
from yolo_tl.reporting.album import Album
from yolo_tl.reporting.calibration_plot import calibration_plot
from yolo_tl.reporting.confusion_matrix import confusion_matrix
from yolo_tl.reporting.contract import contract
from yolo_tl.reporting.markup import said, section, shown, span
from yolo_tl.reporting.mistakes import mistake_table, worst_false_alarms, worst_misses
from yolo_tl.reporting.page import Page
from yolo_tl.reporting.scores import operating, scores, sizes
from yolo_tl.reporting.thresholds import SCRIPT, thresholds

REPORT, PREDICTIONS, QUALIFICATION = "report.html", "predictions.npz", "qualification.json"


def write_report(run: Path, out: Path | None = None) -> Path:
    """Write the page of a run from what its folder holds, and return its path; ``report.html`` in it by default.

    Raises:
        ResumeError: it is no run folder, or its plan is damaged.
        ParseError: another file in it is damaged.
        DataError: its predictions are damaged.
        WriteError: the page could not be written.
        MissingExtra: matplotlib is not installed.
    """
    record = read_run(run)
    kept = record.folder / PREDICTIONS
    predictions = Predictions.read(kept) if record.finished and kept.is_file() else None
    return run_page(record, predictions, qualification_of(record.folder)).write(out or record.folder / REPORT)


def qualification_of(run: Path) -> Mapping[str, Any] | None:
    """The qualification that a run folder holds, as JSON; None where it has none of its best checkpoint.

    Raises:
        ParseError: it is damaged.
    """
    path, best = run / QUALIFICATION, run / "weights" / "best.pt"
    if not path.is_file():
        return None
    found: dict[str, Any] = load_json(path, dict[str, Any])
    require_schema(QUALIFICATION, found, path)
    older = best.is_file() and found.get("model", {}).get("sha256") != sha256(best)
    return None if older else found


def on_split(record: RunRecord, evaluation: Mapping[str, Any]) -> RunRecord:
    """The record with other scores than those that the run ended with: on another split."""
    kept = {key: value for key, value in record.metrics.items() if key == "cpu_seconds"}
    return replace(record, metrics={**evaluation, **kept})


def run_page(
    record: RunRecord,
    predictions: Predictions | None = None,
    qualification: Mapping[str, Any] | None = None,
    drawn: Resampling | None = None,
) -> Page:
    """The page of a run.

    Args:
        record: the run, with the scores that the page is to show.
        predictions: what these scores were made of; without them the page shows the scores alone.
        qualification: `evaluation.qualification.Qualification` of its best checkpoint as JSON.
        drawn: the resamples that the intervals rest on; of single images by default.
    """
    tone, verdict = _verdict(record)
    scored = _scores(record)  # overall, at a confidence, by size, confusion, kinds of mistakes
    # The slider, misses, false alarms, what is missing; calibration.
    evidence = _evidence(record, predictions, qualification, drawn) if predictions is not None else []
    return Page(
        title=f"Training run: {record.folder.name}",
        name=record.folder.name,
        about=training.about(record),
        tone=tone,
        verdict=verdict,
        facts=training.facts(record),
        sections=[
            contract(qualification) if qualification else "",
            *scored[:1],
            *evidence[:-1],
            *scored[1:],
            *evidence[-1:],
            training.curves(record),
            training.stages(record),
            training.warnings(record),
            training.next_steps(record),
            training.batch(record),
            f'<div class="pair">{training.decisions(record)}{training.environment(record.environment)}</div>',
        ],
        scripts=[SCRIPT] if predictions is not None else [],
    )


def _scores(record: RunRecord) -> list[str]:
    """The scores that the run ended with, as far as it did."""
    if not record.finished:
        return []
    metrics, data = record.metrics, record.plan.get("data", {})
    found = [
        scores(metrics, data.get("instances", {}).get("train", {}), start=record.start_score),
        operating(metrics),
        sizes(metrics),
    ]
    if "confusion" in metrics:
        names = [str(name) for name in data.get("names", ())]
        found.append(confusion_matrix(metrics["confusion"], names, metrics["operating"]["confidence"]))
    if "mistakes" in metrics:
        found.append(mistake_table(metrics["mistakes"]))
    return found


def _evidence(
    record: RunRecord,
    predictions: Predictions,
    qualification: Mapping[str, Any] | None,
    drawn: Resampling | None,
) -> list[str]:
    """What the predictions show beyond the scores."""
    results, names = predictions.results, predictions.names
    confidence = float(record.metrics["confidence"])
    by_contract = qualification["thresholds"] if qualification else {}
    planned = [float(by_contract.get(name, confidence)) for name in names]
    why = (
        "The planned ones are those of the inspection contract."
        if by_contract
        else f"The planned one is where the mean F1 on {predictions.split} is largest; it was chosen on these images."
    )
    if drawn is None and len(results) > 1:
        drawn = Resampling.draw(len(results))
    found, album = mistakes(results, names, confidence=confidence), Album()
    return [
        thresholds(results, names, planned, why=why),
        worst_misses(found, results, names, album),
        worst_false_alarms(found, results, names, album),
        section("Pictures that are missing", said([album.note()]) if album.unreadable else ""),
        calibration_plot(results, drawn),
    ]


def _verdict(record: RunRecord) -> tuple[str, str]:
    """A tone and what the run has come to."""
    metrics, epochs, change = record.metrics, record.history.epochs, record.baseline
    if not record.finished:
        done = int(epochs[-1]) if len(epochs) else 0
        return "fair", f"Not finished: {done} of {shown(record.decided('epochs'))} epochs"
    text = f"mAP50-95 {metrics['map50_95']:.3f} on {metrics.get('split', 'val')}{span(metrics.get('ci95'))}"
    if not change:
        return "plain", text
    interval = change.get("ci95")
    clear = interval is not None and interval[0] > 0
    tone = "bad" if change["difference"] < 0 else "good" if clear else "fair"
    return tone, text + ("; worse than the start weights" if tone == "bad" else "" if clear else "; no clear gain")
