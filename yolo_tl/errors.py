"""Every error this package raises on purpose.

::

    YoloTLError                 1   root; never raised itself
    ├── UsageError              2   the request cannot mean anything
    │   ├── ConfigError             unknown key, wrong type, value out of range
    │   ├── PresetNotFound          no preset of that name
    │   └── MissingExtra            a dependency is not installed
    ├── DataError               3   images or annotations
    │   ├── DataNotFound            a path that does not exist or holds nothing
    │   ├── FormatError             no annotation format fits, or several do
    │   ├── ParseError              a file breaks the rules of its format
    │   ├── ImageError              an image is missing or cannot be decoded
    │   ├── NotLearnable            a few labelled images that could not be learnt by heart
    │   └── NotProvable             so few images prove too little for the contract (exit code 9)
    ├── ModelError              4   weights, plan and training
    │   ├── WeightsNotFound         a checkpoint that is nowhere to be found
    │   ├── UntrustedCheckpoint     a checkpoint that would run foreign code
    │   ├── PlanMismatch            the engine did not do what the plan says
    │   ├── LossNotFinite           a batch whose loss is not a number
    │   ├── ResumeError             a run that cannot go on: its data changed, or nothing is left to do
    │   ├── NotImproved             the run ended worse than it began (exit code 7)
    │   ├── NotMet                  the model does not keep a limit of the contract (exit code 8)
    │   └── TrainingInterrupted     stopped by the user; last checkpoint kept
    ├── ExportError             5   export and its gate
    │   └── ParityError             the exported model disagrees with its source
    └── RuntimeFailure          6   the deployed model and its surroundings
        ├── BundleError             a bundle or model file that cannot be run
        └── WriteError              the output could not be written (disk full, read-only)

The number is the exit code of the command line. Each error carries a message
(what was expected, what was found, where) and a hint (what to do about it).
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Any


class YoloTLError(Exception):
    """Root of the tree: catch this to catch everything raised on purpose.

    Args:
        message: what was expected, what was found, and where.
        hint: what to do about it; shown below the message.
    """

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}" if self.hint else self.message

    def __reduce__(self) -> tuple[Any, ...]:
        # The arguments of a subclass are not those of its parent: travel as what they became.
        return _restore, (type(self), self.args, self.__dict__)


def _restore(kind: type[YoloTLError], args: tuple[Any, ...], state: dict[str, Any]) -> YoloTLError:
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class UsageError(YoloTLError):
    """The request cannot mean anything: an option, a name or a combination of them."""

    exit_code = 2


class ConfigError(UsageError, ValueError):
    """A configuration key is unknown, or its value has the wrong type or range."""


class PresetNotFound(UsageError, LookupError):
    """No preset of that name exists, neither as a path nor among the known ones."""


class MissingExtra(UsageError, ImportError):
    """A dependency is needed and absent; nothing is ever installed at run time.

    Args:
        package: what is missing.
        extra: the extra of this package that brings it; empty for what the base install brings.
    """

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(
            f"{package} is needed for this and is not installed",
            hint=f'pip install "yolo-tl[{extra}]"' if extra else "pip install yolo-tl",
        )


class DataError(YoloTLError):
    """Something is wrong with images or annotations."""

    exit_code = 3


class DataNotFound(DataError, FileNotFoundError):
    """A data path does not exist, or holds nothing that can be used."""


class FormatError(DataError, ValueError):
    """No annotation format fits what was found, or more than one does."""


class ParseError(DataError, ValueError):
    """A file breaks the rules of its format.

    Args:
        file: the file at fault.
        reason: what was expected and what was found.
        line: 1-based line, where one is known.
        place: another place inside the file (a key, an object number).
    """

    def __init__(
        self,
        file: Path | str,
        reason: str,
        *,
        line: int | None = None,
        place: str = "",
        hint: str = "",
    ) -> None:
        where = f"{file}" + (f":{line}" if line is not None else "") + (f" ({place})" if place else "")
        super().__init__(f"{where}: {reason}", hint=hint)
        self.file = Path(file)
        self.line = line


class ImageError(DataError, ValueError):
    """An image is missing, is not an image, or cannot be decoded."""


class NotLearnable(DataError):
    """A few labelled images could not be learnt by heart: something is wrong with labels, size or weights."""


class NotProvable(DataError):
    """Every limit of an inspection contract is kept, and with so few images that proves too little."""

    exit_code = 9


class ModelError(YoloTLError):
    """Something is wrong with weights, a plan or a training run."""

    exit_code = 4


class WeightsNotFound(ModelError, FileNotFoundError):
    """A checkpoint was not found in any of the places where weights are looked for."""


class UntrustedCheckpoint(ModelError):
    """A checkpoint asks to import code that is not on the list of known-safe names."""


class PlanMismatch(ModelError):
    """What the engine set up differs from what the plan says."""


class LossNotFinite(ModelError):
    """The loss of a batch is not a number or infinite; the batch is kept in the run folder."""


class ResumeError(ModelError):
    """A run cannot go on: it is no run, its data or weights changed, or nothing is left to do."""


class NotImproved(ModelError):
    """A run ended worse than it began, or a model is not shown to be better, and that was asked for."""

    exit_code = 7


class NotMet(ModelError):
    """A model does not keep a limit of its inspection contract."""

    exit_code = 8


class TrainingInterrupted(ModelError):
    """Training was stopped by the user; the last whole checkpoint is kept."""

    exit_code = 130


class ExportError(YoloTLError):
    """A model could not be exported."""

    exit_code = 5


class ParityError(ExportError):
    """The exported model disagrees with the checkpoint it came from."""


class RuntimeFailure(YoloTLError):
    """The deployed model, or what surrounds it, failed."""

    exit_code = 6


class BundleError(RuntimeFailure, ValueError):
    """A bundle or a model file is missing, damaged, or of a kind that cannot be run."""


class WriteError(RuntimeFailure, OSError):
    """An output could not be written; what was there before is untouched."""


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """``; did you mean 'epochs'?``, or nothing if no known word is close."""
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else ""
