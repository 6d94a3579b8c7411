"""One call of the public interface, which is a command line as well."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Call:
    """A verb with its arguments. Keywords of the function and options of the command have the same names.

    Attributes:
        verb: of the command.
        arguments: by position.
        options: by name.
        overrides: configuration keys, which the function takes as one mapping and the command as options.
    """

    verb: str
    arguments: Sequence[Path | str]
    options: Mapping[str, Any] = field(default_factory=dict)
    overrides: Mapping[str, Any] = field(default_factory=dict)

    @property
    def command(self) -> str:
        """As one would type it."""
        words = ["yolo-tl", self.verb, *map(str, self.arguments)]
        for key, value in {**self.options, **self.overrides}.items():
            text = ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
            words += ["--set", f"{key}={text}"] if "." in key else [f"--{key.replace('_', '-')}", text]
        return shlex.join(words)

    def make(self, function: Callable[..., Answer], **more: Any) -> Answer:
        """Call the function; `more` is what no command line can say, such as who is told, or decides nothing."""
        overrides = {"overrides": dict(self.overrides)} if self.overrides else {}
        return function(*self.arguments, **self.options, **overrides, **more)
