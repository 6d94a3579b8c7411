"""``yolo-tl replay``: decide a log again."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from yolo_tl.api import inspecting
from yolo_tl.cli.command import Command
from yolo_tl.cli.misuse import Misuse
from yolo_tl.cli.options import rules_name
from yolo_tl.cli.terminal import say, show
from yolo_tl.presets import parse_assignment

if TYPE_CHECKING:
    from yolo_tl.inspection.decision import Decision
    from yolo_tl.inspection.replay import Replayed


def describe(replayed: Replayed) -> str:
    """``log/decisions-00000001.jsonl:7: belt.mp4#5: PASS, now FAIL (scratch: 1 found, at most 0 allowed)``."""
    then, now = replayed.decision_then, replayed.decision_now
    why = "; ".join(reason.text if reason.rule is None else f"{reason.rule}: {reason.text}" for reason in now.reasons)
    label = then.prediction.frame.label
    return f"{replayed.place}: {label}: {then.verdict}, now {now.verdict}" + (f" ({why})" if why else "")


def brief(decision: Decision) -> dict[str, Any]:
    """Verdict, reasons and counts."""
    reasons = [asdict(reason) for reason in decision.reasons]
    return {"verdict": decision.verdict, "reasons": reasons, "counts": decision.counts}


def row(replayed: Replayed) -> dict[str, Any]:
    """One decision that is another one now."""
    frame = replayed.decision_then.prediction.frame
    return {
        "place": replayed.place,
        "image": frame.label,
        "source": frame.source,
        "frame": frame.number,
        "then": brief(replayed.decision_then),
        "now": brief(replayed.decision_now),
    }


@click.command(
    "replay",
    cls=Command,
    examples=[
        ("yolo-tl replay log", "does the same come out again?"),
        ("yolo-tl replay log --rules default --set quality.max_dark=0.5", "what other rules would have decided"),
    ],
)
@click.argument("log", type=click.Path())
@click.option(
    "--rules", "-r", type=rules_name, help="What would these have decided? A YAML file, or a preset of configs/rules."
)
@click.option("--set", "assignments", multiple=True, metavar="KEY=VALUE", help="Set any key of these rules.")
@click.option("--json", "as_json", is_flag=True, help="A JSON object a difference and one at the end, a line each.")
def command(log: str, rules: str | None, assignments: tuple[str, ...], as_json: bool) -> None:
    """Decide every line of LOG, a folder or a file, again from the detections in it, and tell what is different.

    Exit code 0: every decision is the same; 12: some are not. Where lines are missing because old files were removed,
    and the rules look back on them, nothing can be said; such decisions are counted apart. With --rules, differences
    are the answer: the exit code is 0.
    """
    if assignments and rules is None:
        raise Misuse("--set: expected --rules with it, whose keys it changes, found none", "say --rules default, too")
    overrides = dict(parse_assignment(text) for text in assignments)
    replayed = inspecting.replay(log, rules=rules, overrides=overrides)
    same = different = unsaid = 0
    for one in replayed:
        same, different, unsaid = (
            same + (one.same is True),
            different + (one.same is False),
            unsaid + (one.same is None),
        )
        if one.same is False:
            click.echo(json.dumps(row(one), ensure_ascii=False)) if as_json else show(describe(one))
    if as_json:
        total = {"same": same, "different": different, "unsaid": unsaid, "gaps": replayed.gaps, "cut": replayed.cut}
        click.echo(json.dumps(total, ensure_ascii=False))
    else:
        say(f"{same + different + unsaid} decisions: {same} the same, {different} different")
        if unsaid:
            say(f"{unsaid} cannot be told: lines before them are missing")
        for place in replayed.gaps:
            say(f"{place}: lines are missing before")
        for place in replayed.cut:
            say(f"{place}: the end of the file is cut off")
    if different and rules is None:
        sys.stdout.flush()
        click.get_current_context().exit(12)
