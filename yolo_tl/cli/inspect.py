"""``yolo-tl inspect``: look at a source, decide, and write the decisions down."""

from __future__ import annotations

import json
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from yolo_tl.api import inspecting
from yolo_tl.cli.choice import Choice
from yolo_tl.cli.command import Command
from yolo_tl.cli.options import counts, engine_option, json_option, rules_name, threads_option
from yolo_tl.cli.terminal import next_step, say, show
from yolo_tl.presets import parse_assignment

if TYPE_CHECKING:
    from yolo_tl.inspection.decision import Decision
    from yolo_tl.inspection.inspector import InspectionCounters, Inspector

MB = 1_000_000


def describe(decision: Decision) -> str:
    """``FAIL belt.mp4#12: 1 scratch, at most 0 allowed``."""
    why = "; ".join(
        reason.text if reason.rule is None else f"{reason.rule}: {reason.text}" for reason in decision.reasons
    )
    return f"{decision.verdict:7} {decision.prediction.frame.label}: {why or decision.prediction.describe()}"


def summarise(counters: InspectionCounters, problem: str) -> Iterator[str]:
    """How many frames came, what was decided, and what became of the decisions."""
    stream = counters.stream
    left = f", {stream.waiting} let go at the end" if stream.waiting else ""
    yield f"{stream.numbered} frames: {counts(dict[str, int](counters.verdicts.items()))}{left}"
    if stream.unknown:
        states = ("dropped", "late", "stale", "lost", "unreadable", "resized")
        yield "not ok: " + counts({state: getattr(stream, state) for state in states if getattr(stream, state)})
    for name, sink in counters.sinks.items():
        lost = counts({what: number for what in ("failed", "dropped") if (number := getattr(sink, what))})
        yield f"{name}: {sink.delivered} delivered" + ("" if lost == "none" else f", {lost} ({sink.error})")
    if problem:
        yield f"source: {problem}"


@contextmanager
def ended_by_signals(inspector: Inspector) -> Iterator[list[int]]:
    """The first SIGINT or SIGTERM stops the inspection, which finishes what it has; the second SIGINT breaks it off."""
    came: list[int] = []

    def handle(number: int, frame: Any) -> None:
        if came and number == signal.SIGINT:
            raise KeyboardInterrupt
        came.append(number)
        # In a thread: what runs here may hold a lock that stopping needs.
        threading.Thread(target=inspector.stop, daemon=True).start()

    if threading.current_thread() is not threading.main_thread():
        yield came
        return
    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@click.command(
    "inspect",
    cls=Command,
    examples=[
        ("yolo-tl inspect runs/parts/bundle datasets/parts/images/test --rules default", "files; any object is a FAIL"),
        (
            "yolo-tl inspect runs/parts/bundle camera:0 --rules rules.yaml --log log --pictures pictures",
            "a camera, everything kept",
        ),
        (
            "yolo-tl inspect runs/parts/bundle watch:incoming --rules default --set quality.max_dark=0.5",
            "a folder as pictures arrive",
        ),
    ],
)
@click.argument("bundle", type=click.Path())
@click.argument("source", type=click.Path())
@click.option("--rules", "-r", required=True, type=rules_name, help="A YAML file, or a preset of configs/rules.")
@click.option("--set", "assignments", multiple=True, metavar="KEY=VALUE", help="Set any key of the rules.")
@click.option("--log", type=click.Path(), help="Folder for a log of JSON lines; without it nothing is written down.")
@click.option("--log-budget", type=click.IntRange(min=1), default=4000, show_default=True, help="MB for all its files.")
@click.option(
    "--log-sync",
    type=click.FloatRange(0, 3600),
    default=1,
    show_default=True,
    help="s until lines are on the disk; 0: each.",
)
@click.option("--pictures", type=click.Path(), help="Folder for annotated pictures.")
@click.option("--picture-budget", type=click.IntRange(min=1), default=1000, show_default=True, help="MB for all.")
@click.option(
    "--picture-verdict",
    "picture_verdicts",
    type=Choice(["PASS", "FAIL", "UNKNOWN"]),
    multiple=True,
    default=["FAIL"],
    show_default=True,
    help="Which decisions are pictured.",
)
@click.option("--webhook", metavar="URL", help="Where FAIL and UNKNOWN are posted.")
@click.option(
    "--webhook-secret", envvar="YOLO_TL_WEBHOOK_SECRET", show_envvar=True, help="Signs what is posted (HMAC-SHA256)."
)
@click.option("--mqtt", metavar="HOST/TOPIC", help="Where all is published: [mqtts://][USER@]HOST[:PORT]/TOPIC.")
@click.option("--mqtt-password", envvar="YOLO_TL_MQTT_PASSWORD", show_envvar=True, help="Of that user.")
@click.option(
    "--policy",
    type=Choice(["block", "drop-oldest", "drop-newest"]),
    help="When pictures come too fast; default: cameras drop the oldest, files wait.",
)
@click.option("--deadline", type=float, help="s after which a picture not yet looked at is late, and UNKNOWN.")
@click.option("--timeout", type=float, help="s without a picture after which a camera is lost.  [default: 5]")
@click.option("--limit", type=click.IntRange(min=1), help="Frames after which it ends.")
@click.option("--max-seconds", type=float, help="Seconds after which it ends.")
@threads_option
@engine_option
@click.option("--tiled", is_flag=True, help="Look at pictures that are larger than the model's input in tiles.")
@click.option("--largest-object", type=float, help="Longer side of the largest object, px: so far do tiles overlap.")
@click.option("--exit-code", is_flag=True, help="Exit with 10 if any verdict was FAIL, else 11 if any was UNKNOWN.")
@json_option
def command(
    bundle: str,
    source: str,
    rules: str,
    assignments: tuple[str, ...],
    log_budget: int,
    picture_budget: int,
    max_seconds: float | None,
    exit_code: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Look at every frame of SOURCE with BUNDLE, and decide by rules: PASS, FAIL or UNKNOWN.

    SOURCE is an image, a video, a folder, a pattern, camera:0, rtsp://…, http://…, or watch:FOLDER. Every frame has a
    decision; what could not be looked at is UNKNOWN. A decision is printed once it is in the log.

    A verdict is a result and no error: the exit code is 0 whatever was decided, unless --exit-code asks for it. 6: the
    log cannot be written, or the model failed. SIGTERM and Ctrl-C end it in order; after Ctrl-C the code is 130. With
    --json, one JSON object a decision goes to stdout, a line each.
    """
    inspector = inspecting.inspect(
        bundle,
        source,
        rules=rules,
        overrides=dict(parse_assignment(text) for text in assignments),
        log_budget=log_budget * MB,
        picture_budget=picture_budget * MB,
        seconds=max_seconds,
        **options,
    )
    with inspector, ended_by_signals(inspector) as signals:
        for decision in inspector:
            if as_json:
                json.dump(decision.to_dict(), sys.stdout, ensure_ascii=False)
                sys.stdout.write("\n")
            else:
                show(describe(decision))
            sys.stdout.flush()
    for line in summarise(inspector.counters, inspector.problem):
        say(line)
    if options["log"] is not None:
        next_step("replay", options["log"])
    if signal.SIGINT in signals:
        raise KeyboardInterrupt
    verdicts = inspector.counters.verdicts
    if exit_code and (verdicts["FAIL"] or verdicts["UNKNOWN"]):
        click.get_current_context().exit(10 if verdicts["FAIL"] else 11)
