"""What a demo has done so far, kept in ``demo.json`` so that the next call goes on there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from yolo_tl import __version__
from yolo_tl.api.demonstration.settings import DemoSettings, read_settings
from yolo_tl.api.demonstration.start import Start
from yolo_tl.errors import ParseError, UsageError
from yolo_tl.files import require_schema, stamped, write_json

FILE = "demo.json"


@dataclass(frozen=True)
class Step:
    """A finished step.

    Attributes:
        name: of its command.
        command: as one would type it.
        figure: what came out, in a few words.
        seconds: by the clock, interrupted attempts included.
        cpu_seconds: of all processors, of the attempt that came to its end.
        facts: figures that later steps or readers need.
    """

    name: str
    command: str
    figure: str
    seconds: float
    cpu_seconds: float
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Record:
    """What was asked for, what it starts from, and the steps that are finished, in order.

    Attributes:
        settings: what was asked for.
        start: the checkpoint.
        steps: the finished ones.
        spent: step that is not finished → seconds spent on it.
        finished: nothing is left to do.
    """

    settings: DemoSettings
    start: Start
    steps: tuple[Step, ...] = ()
    spent: Mapping[str, float] = field(default_factory=dict)
    finished: bool = False

    def step(self, name: str) -> Step | None:
        """The finished step of that name."""
        return next((step for step in self.steps if step.name == name), None)

    def with_step(self, step: Step) -> Record:
        """The same, with one more finished step."""
        spent = {name: seconds for name, seconds in self.spent.items() if name != step.name}
        return replace(self, steps=(*self.steps, step), spent=spent)

    def with_spent(self, name: str, seconds: float) -> Record:
        """The same, with the time of an attempt that came to no end."""
        return replace(self, spent={**self.spent, name: self.spent.get(name, 0.0) + seconds})

    def as_finished(self) -> Record:
        """The same, with nothing left to do."""
        return replace(self, finished=True)

    def write(self, out: Path) -> None:
        """Keep it in the demo's folder."""
        write_json(out / FILE, stamped(FILE, {"version": __version__, **asdict(self)}))


def read_record(out: Path) -> Record | None:
    """What is kept in a demo's folder; None where there is no demo.

    Raises:
        DataError: a later version wrote it.
        ParseError: the file is damaged.
    """
    file = out / FILE
    if not file.is_file():
        return None
    try:
        content = json.loads(file.read_text("utf-8"))
        require_schema(FILE, content, file)
        return Record(
            settings=read_settings(content["settings"]),
            start=Start(**content["start"]),
            steps=tuple(Step(**step) for step in content["steps"]),
            spent=dict(content["spent"]),
            finished=bool(content["finished"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        hint = "say --overwrite to begin anew"
        raise ParseError(file, f"expected the record of a demo, found {error!r}", hint=hint) from error


def require_same(out: Path, record: Record, asked: Mapping[str, Any]) -> None:
    """Refuse to go on with a demo of something else; what is not asked for is as it was.

    Raises:
        UsageError: it was asked for something else.
    """
    kept = asdict(record.settings)
    found = [
        f"{key} was {kept[key] or record.start.weights}, is {value}"
        for key, value in asked.items()
        if value != kept[key] and (key, value) != ("weights", record.start.weights)
    ]
    if found:
        raise UsageError(
            f"{out}: holds a demo of something else: {', '.join(found)}",
            hint="choose another folder, or say --overwrite to begin anew",
        )
