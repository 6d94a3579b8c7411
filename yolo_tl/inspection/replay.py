"""The decisions of a log, made again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from yolo_tl.errors import ConfigError, ParseError, UsageError
from yolo_tl.inspection.decision import Decision
from yolo_tl.inspection.judge import Judge
from yolo_tl.inspection.loading import rules_from_dict
from yolo_tl.inspection.log_lines import Line, LogLines
from yolo_tl.inspection.logged import LoggedFrame
from yolo_tl.inspection.record import LOG, VERSION, decision_from_dict
from yolo_tl.inspection.rules import Region, Rules


@dataclass(frozen=True)
class Replayed:
    """A decision and what becomes of it now.

    Attributes:
        decision_then: as it was logged.
        decision_now: as it is now, from the same detections.
        same: verdict, reasons and counts are the same; with other rules, the verdict is. None where that cannot be
            said: lines are missing before, and the rules look back on them.
        place: ``FILE:LINE`` of the decision.
    """

    decision_then: Decision
    decision_now: Decision
    same: bool | None
    place: str


class Replay(Iterator[Replayed]):
    """Decides every line of a log again, in order.

    Attributes:
        cut: where the end of a file was cut off, as ``FILE:LINE``; complete once all was read.
        gaps: the same of lines before which others are missing.
    """

    def __init__(self, log: Path | str, rules: Rules | None = None) -> None:
        self._lines = LogLines(log)
        self._rules = rules
        self.gaps: list[str] = []
        self._walk = self._replayed()

    @property
    def cut(self) -> list[str]:
        """Where the end of a file was cut off."""
        return self._lines.cut

    def __next__(self) -> Replayed:
        """The next decision.

        Raises:
            ParseError: a line is no decision, or does not fit the header.
            UsageError: the log does not hold what other rules need.
        """
        return next(self._walk)

    def _replayed(self) -> Iterator[Replayed]:
        session: _Session | None = None
        for line in self._lines:
            if "log" in line.content:
                session = _Session.begin(line, self._rules, session)
            elif session is None:
                raise ParseError(
                    line.file, "expected the header of a log, found a decision without one", line=line.number
                )
            else:
                replayed, missing = session.decide(line)
                if missing:
                    self.gaps.append(line.place)
                yield replayed


def replay(log: Path | str, rules: Rules | None = None) -> Replay:
    """Make every decision of a log again.

    Args:
        log: a file of JSON lines, or the folder of a log.
        rules: other rules than those in the log: what would have been decided.

    Returns:
        An iterator; it reads as it goes, so a log may be larger than memory.

    Raises:
        DataNotFound: there is no log.
    """
    return Replay(log, rules)


class _Session:
    """The decisions of one judge. Lines may be missing before or among them: old files are removed."""

    def __init__(self, head: Line, then: Rules, judge: Judge, *, other: bool) -> None:
        self._head, self._then, self._judge, self._other = head, then, judge, other
        self._next: int | None = None
        self._known = True
        self._frames = 0

    @classmethod
    def begin(cls, line: Line, rules: Rules | None, before: _Session | None) -> _Session:
        """The session that a header begins, or goes on with: every file has one."""
        if before is not None and line.content == before._head.content:
            return before
        content = line.content
        if content["log"] != LOG or content.get("version") != VERSION:
            found = f"{content['log']!r}, version {content.get('version')!r}"
            raise ParseError(line.file, f"expected a log of {LOG}, version {VERSION}, found {found}", line=line.number)
        try:
            then = rules_from_dict(content["rules"])
            if rules is not None:
                _require_quality(rules, then)
            judge = Judge(then if rules is None else rules, tuple(content["names"]))
            content["rules_sha256"], content["model"]
        except (KeyError, TypeError, AttributeError) as error:
            reason = f"expected the header of a log, found one with a wrong or missing part: {error!r}"
            raise ParseError(line.file, reason, line=line.number) from error
        except ConfigError as error:
            if rules is not None:
                raise
            raise ParseError(line.file, error.message, line=line.number, hint=error.hint) from error
        return cls(line, then, judge, other=rules is not None)

    def decide(self, line: Line) -> tuple[Replayed, bool]:
        """Decide a line again, and tell whether lines are missing before it."""
        try:
            then = decision_from_dict(line.content, self._judge.names)
            if then.rules != self._head.content["rules_sha256"]:
                raise ValueError(f"expected a decision by the rules of {self._head.place}, found one by others")
        except ValueError as error:
            raise ParseError(line.file, str(error), line=line.number) from error
        missing = self._follow(then)
        frame = then.prediction.frame
        size = frame.size if isinstance(frame, LoggedFrame) else None
        now = self._judge.decide(then.prediction, size, then.quality)
        self._frames += frame.count
        self._known = self._known or self._remembers()
        same = None if not self._known else self._is_same(then, now)
        return Replayed(then, now, same, line.place), missing

    def _follow(self, decision: Decision) -> bool:
        """Bring the judge to where it was, as far as it can be; returns whether lines are missing."""
        missing = decision.index not in (0, self._next)
        if decision.index != self._next:
            self._judge.reset(decision.index)
            self._known, self._frames = not missing, 0
        self._next = decision.index + 1
        return missing

    def _remembers(self) -> bool:
        """Whether all that matters came after the last gap: the windows are full, and nothing older is followed."""
        rules = self._judge.rules
        back = max(rule.k_of_n[1] for rule in rules.rules)
        if rules.tracked:
            back = max(back, rules.tracking.patience + 1)
        return self._frames >= back and not self._judge.followed

    def _is_same(self, then: Decision, now: Decision) -> bool:
        if then.verdict != now.verdict:
            return False
        return self._other or (then.reasons == now.reasons and then.counts == now.counts)


def _require_quality(rules: Rules, then: Rules) -> None:
    """Other rules can limit only what was measured, where it was measured."""
    if not rules.quality.limited:
        return
    if not then.quality.limited or _measured(rules) != _measured(then):
        raise UsageError(
            "quality: the log was not written with pictures measured in this way, and has none to measure now",
            hint="leave quality out of the rules, or take the region that the log was written with",
        )


def _measured(rules: Rules) -> tuple[str, object] | None:
    """Where the quality of pictures is measured; None is the whole picture."""
    if not rules.quality.region:
        return None
    region: Region = rules.region(rules.quality.region)
    return region.unit, region.corners
