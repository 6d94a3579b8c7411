"""What every command has: examples that parse, --quiet, --debug, choices that say what was meant."""

from __future__ import annotations

import logging
import subprocess
import sys
import warnings

import click
import pytest
from click.testing import CliRunner
from support.command_lines import commands, parse

from yolo_tl.cli import main
from yolo_tl.cli.choice import Choice
from yolo_tl.cli.command import Command, given
from yolo_tl.cli.main import COMMANDS
from yolo_tl.cli.names import Name
from yolo_tl.cli.reading import WAYS
from yolo_tl.cli.terminal import next_step, say
from yolo_tl.config import TrainConfig, flatten_schema
from yolo_tl.inspection.rules import Rules

ALL = dict(commands())


@pytest.mark.parametrize("name", ALL)
def test_the_help_ends_with_examples(name: str) -> None:
    command = ALL[name]
    assert isinstance(command, Command)
    assert 1 <= len(command.examples) <= 4
    words = name.split()[1:]
    text = CliRunner().invoke(main, [*words, "--help"]).stdout
    *_, shown = text.partition("\nExamples:\n")
    assert [line.strip() for line in shown.splitlines() if line.startswith("  yolo-tl ")] == [
        example.line for example in command.examples
    ]
    assert all(example.does in " ".join(shown.split()) for example in command.examples)


@pytest.mark.parametrize("name", ALL)
def test_examples_are_lines_that_work(name: str) -> None:
    command = ALL[name]
    assert isinstance(command, Command)
    for example in command.examples:
        assert example.line.startswith(f"{name} ") or example.line == name
        context = parse(example.line)
        assert isinstance(command, click.Group) or context.command is command
        for param in context.command.params:
            value = context.params.get(param.name or "")
            if isinstance(param.type, Name) and value:
                values = value if param.multiple else [value]
                assert all(one in param.type.known() or one.endswith((".yaml", ".pt")) for one in values), example


@pytest.mark.parametrize(
    ("name", "schema"), [("plan", TrainConfig), ("train", TrainConfig), ("inspect", Rules), ("replay", Rules)]
)
def test_fields_that_examples_set_exist(name: str, schema: type) -> None:
    command = ALL[f"yolo-tl {name}"]
    assert isinstance(command, Command)
    given = [parse(example.line).params["assignments"] for example in command.examples]
    assert {text.partition("=")[0] for texts in given for text in texts} <= set(flatten_schema(schema))


@pytest.mark.parametrize("line", ["yolo-tl train d -w w --epoch 3", "yolo-tl train d e -w w", "yolo-tl bundle dif a b"])
def test_a_line_that_does_not_work_would_be_seen(line: str) -> None:
    with pytest.raises(click.UsageError):
        parse(line)


def test_every_choice_can_say_what_was_meant() -> None:
    plain = [
        (name, param.name)
        for name, command in ALL.items()
        for param in command.params
        if isinstance(param.type, click.Choice) and not isinstance(param.type, Choice)
    ]
    assert plain == []


def test_what_is_written_twice_is_equal() -> None:
    """Defaults that the command line names without importing the modules they come from."""
    from yolo_tl.data import groups
    from yolo_tl.labelling import COUNT
    from yolo_tl.learning_curve import GAIN, REPEATS
    from yolo_tl.overfitting import IMAGES, STEPS

    def default(command: str, option: str) -> object:
        (found,) = (param.default for param in ALL[f"yolo-tl {command}"].params if param.name == option)
        return found

    assert groups.WAYS == WAYS
    assert (default("curve", "gain"), default("curve", "repeats")) == (GAIN, REPEATS)
    assert default("label-next", "count") == COUNT
    assert (default("overfit-check", "images"), default("overfit-check", "steps")) == (IMAGES, STEPS)


@click.command("noisy", cls=Command)
@click.option("--json", "as_json", is_flag=True)
@click.argument("words", nargs=-1)
def noisy(words: tuple[str, ...], as_json: bool) -> None:
    """Say all that can be said."""
    say("beside the result")
    warnings.warn("of another package", stacklevel=1)
    logging.getLogger("another").warning("logged by another")
    logging.getLogger("yolo_tl.engine.weights").warning("logged by us")
    click.echo("the result")
    next_step("check", "my parts", *given(without="a"))


@pytest.fixture
def within(monkeypatch: pytest.MonkeyPatch) -> None:
    """`noisy` as a command of the program."""
    found = main.get_command

    monkeypatch.setitem(COMMANDS, "noisy", "")
    monkeypatch.setattr(main, "get_command", lambda ctx, name: noisy if name == "noisy" else found(ctx, name))


@pytest.mark.usefixtures("within")
@pytest.mark.parametrize("line", ["--quiet noisy", "noisy --quiet", "noisy -q", "-q noisy -q"])
def test_quiet_leaves_the_result(line: str, caplog: pytest.LogCaptureFixture) -> None:
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        done = CliRunner().invoke(main, line.split())
        assert done.exit_code == 0, done.output
        assert (done.stdout, done.stderr) == ("the result\n", "")
        assert not warned
        assert caplog.messages == ["logged by us"]
        spoken = CliRunner().invoke(main, ["noisy", "a", "b"])
        assert spoken.exit_code == 0, spoken.output
        assert caplog.messages == ["logged by us", "logged by another", "logged by us"]
        assert [str(warning.message) for warning in warned] == ["of another package"]  # as before
    assert spoken.stderr == "beside the result\nnext: yolo-tl check 'my parts' b\n"


@pytest.mark.usefixtures("within")
@pytest.mark.filterwarnings("ignore:of another package")
def test_no_hint_where_a_program_reads() -> None:
    assert "next:" not in CliRunner().invoke(main, ["noisy", "--json"]).stderr


def test_errors_are_told_quietly_too(tmp_path: object) -> None:
    done = CliRunner().invoke(main, ["--quiet", "check", f"{tmp_path}/nowhere"])
    assert done.exit_code == 3
    assert done.stderr.startswith("error: ")


def test_debug_is_heard_before_the_command_and_after_it() -> None:
    for line in (["--debug", "check", "nowhere"], ["check", "nowhere", "--debug"]):
        code = f"from yolo_tl.cli import main; main({line!r})"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert done.returncode == 3
        assert "Traceback" in done.stderr
