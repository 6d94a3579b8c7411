"""A page for each command of ``yolo-tl``, from the click objects: usage, arguments, options, exit codes, examples."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

import click

import yolo_tl
from reference import python_names
from reference.markdown import code, fenced, table, text
from yolo_tl.cli.main import COMMANDS, SECTIONS, main

FOLDER = "reference/commands"
# What a command says with its exit code beyond "an error of this family".
OWN_CODES = {
    "check": {3: "an error was found, or a warning with `--strict`"},
    "diff": {1: "the data sets differ"},
    "overfit-check": {3: "the images could not be learnt by heart"},
    "train": {7: "with `--must-improve`: known classes are found worse than before; the run is whole"},
    "resume": {7: "with `--must-improve`: known classes are found worse than before; the run is whole"},
    "compare": {7: "with `--require`: not shown to be better"},
    "qualify": {8: "a limit of the contract is not kept", 9: "the limits are kept, and so few images prove too little"},
    "export": {5: "the exported model disagrees with its checkpoint; there is no bundle"},
    "verify": {5: "a limit is not kept"},
    "bundle diff": {1: "the bundles differ"},
    "selftest": {5: "the model does not find what it has to", 6: "the bundle is damaged or cannot be run here"},
    "inspect": {10: "with `--exit-code`: a verdict was FAIL", 11: "with `--exit-code`: none was FAIL, one was UNKNOWN"},
    "replay": {12: "a decision came out otherwise"},
}


def pages() -> dict[str, str]:
    """The list of all commands, and a page for each."""
    parts = ["# Commands", "In the order of the work, from the program itself: `yolo-tl COMMAND --help` says the same."]
    for title, names in sections():
        rows = [(f"[`{name}`]({name}.md)", text(COMMANDS[name])) for name in names]
        parts += [f"## {title}", table(("command", "what it does"), rows)]
    made = {f"{FOLDER}/index.md": "\n\n".join(parts) + "\n"}
    return made | {f"{FOLDER}/{name}.md": page(name) for name in COMMANDS}


def contents() -> list[str | dict[str, list[str]]]:
    """The pages for the navigation: the list, then the commands by section."""
    return [f"{FOLDER}/index.md", *({title: [f"{FOLDER}/{name}.md" for name in names]} for title, names in sections())]


def sections() -> Iterator[tuple[str, list[str]]]:
    """The commands under the titles that the program's own help gives them."""
    for title, names in SECTIONS.items():
        yield title, [name for name in names if name in COMMANDS]


def page(name: str) -> str:
    """The page of a command; a group has a section for each of its commands."""
    command = main.get_command(click.Context(main), name)
    assert command is not None
    parts = [f"# yolo-tl {name}", text(COMMANDS[name][0].upper() + COMMANDS[name][1:]) + "."]
    parts += _described(command, name, "##")
    if isinstance(command, click.Group):
        for child, inner in command.commands.items():
            parts += [f"## yolo-tl {name} {child}", *_described(inner, f"{name} {child}", "###")]
    function = name.replace("-", "_")
    if function in yolo_tl.__all__:
        link = f"../python/{python_names.theme_of(function)}.md#{python_names.anchor(function)}"
        parts += ["## In Python", f"[`yolo_tl.{function}`]({link})"]
    return "\n\n".join(parts) + "\n"


def _described(command: click.Command, name: str, level: str) -> Iterator[str]:
    """What a command is told and tells."""
    context = click.Context(command, info_name=f"yolo-tl {name}")
    yield fenced(" ".join([context.command_path, *command.collect_usage_pieces(context)]), "text")
    for paragraph in inspect.cleandoc(command.help or "").split("\f")[0].split("\n\n"):
        yield text(paragraph.strip())
    if examples := getattr(command, "examples", ()):
        yield f"{level} Examples"
        yield fenced("\n\n".join(f"# {example.does}\n{example.line}" for example in examples), "sh")
    parameters = command.get_params(context)
    if arguments := [parameter for parameter in parameters if isinstance(parameter, click.Argument)]:
        rows = [(code(argument.make_metavar(context)), _kind(argument)) for argument in arguments]
        yield f"{level} Arguments"
        yield table(("argument", "what it is"), rows)
    if options := [
        parameter for parameter in parameters if isinstance(parameter, click.Option) and not parameter.hidden
    ]:
        yield f"{level} Options"
        rows_of_options = [_option(option, context) for option in options]
        yield table(("option", "values", "meaning", "default and limits"), rows_of_options)
    if not isinstance(command, click.Group):
        yield f"{level} Exit codes"
        yield " · ".join(["0 done", *(f"{number} {what}" for number, what in OWN_CODES.get(name, {}).items())])
        yield "Errors end with the code of their family, see [errors and exit codes](../errors.md)."


def _kind(argument: click.Argument) -> str:
    said = [] if argument.required else ["may be left out"]
    said += ["one or several"] if argument.nargs == -1 else []
    if isinstance(argument.type, click.Choice):
        said.append("one of " + ", ".join(code(str(choice)) for choice in argument.type.choices))
    return "; ".join(said) or "required"


def _option(option: click.Option, context: click.Context) -> tuple[str, str, str, str]:
    """Names, values, meaning, and what click puts in brackets at the end: default, range, required."""
    names = " / ".join(" ".join(map(code, some)) for some in (option.opts, option.secondary_opts) if some)
    record = option.get_help_record(context)
    assert record is not None
    match = re.fullmatch(r"(.*?)\s*((?:\[[^\]]*\]\s*)*)", record[1], re.DOTALL)
    assert match
    said = "; ".join(re.findall(r"\[([^\]]*)\]", match[2])).replace("default: ", "")
    return names, _values(option, context), text(match[1]), text(said)


def _values(option: click.Option, context: click.Context) -> str:
    if option.is_flag:
        return ""
    if isinstance(option.type, click.Choice) and not option.metavar:
        return ", ".join(code(str(choice)) for choice in option.type.choices)
    return text(option.make_metavar(context).lower() if not option.metavar else option.metavar)
