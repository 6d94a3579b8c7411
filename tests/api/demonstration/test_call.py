from __future__ import annotations

import shlex
from importlib import import_module
from pathlib import Path
from typing import Any

import click
import pytest
from support.demos import finished

from yolo_tl.api.demonstration.call import Call
from yolo_tl.api.demonstration.result import DemoResult


def test_one_call_is_a_command_and_a_function() -> None:
    call = Call(
        "verdict", [Path("my data")], {"weights": "w.pt", "seeds": (0, 1)}, {"min_steps": 5, "augment.mosaic": 0}
    )
    line = "yolo-tl verdict 'my data' --weights w.pt --seeds 0,1 --min-steps 5 --set augment.mosaic=0"
    assert call.command == line

    def answer(*arguments: Any, **options: Any) -> tuple[Any, Any]:
        return arguments, options

    found = call.make(answer, listener=1)
    expected = {"weights": "w.pt", "seeds": (0, 1), "overrides": {"min_steps": 5, "augment.mosaic": 0}, "listener": 1}
    assert found == ((Path("my data"),), expected)


def test_a_function_that_takes_no_configuration_is_given_none() -> None:
    assert Call("check", ["data"], {"imgsz": 64}).make(lambda *a, **o: o) == {"imgsz": 64}


RESULT = DemoResult.of(Path("runs/my demo"), finished(Path("runs/my demo")), kept=False)


@pytest.mark.parametrize("line", [*(step.command for step in RESULT.steps), *RESULT.next])
def test_every_command_of_the_demo_can_be_typed(line: str) -> None:
    """The command line parses it, and each of its words arrives: nothing is left over, nothing unknown."""
    words = shlex.split(line)
    assert words[0] == "yolo-tl"
    command: click.Command = import_module(f"yolo_tl.cli.{words[1]}").command
    context = command.make_context(words[1], words[2:])
    arrived = {str(part) for value in context.params.values() for part in _parts(value)}
    typed = {word for word in words[2:] if not word.startswith("--")}
    assert {_plain(word) for word in typed} <= {_plain(word) for word in arrived}


def _parts(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return [*value, value] if isinstance(value, tuple) else [value]


def _plain(word: str) -> str:
    return word.strip("()").replace(",", "").replace(" ", "")
