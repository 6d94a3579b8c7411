"""Where converters do their work: a folder of their own, what they print in a log, and what they died of."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from yolo_tl.engine.hermetic import log_to
from yolo_tl.errors import ExportError, WriteError, YoloTLError

_LAST_WORDS = 5  # lines of the log
_DECORATION = re.compile(r"\x1b\[[\d;]*m|^\d{4}-\d\d-\d\d [\d:,]+ [A-Z]+ ", re.MULTILINE)  # colours and times


@contextlib.contextmanager
def workplace(target: Path) -> Iterator[Path]:
    """A folder beside `target` to work in, gone afterwards.

    It is the working folder meanwhile: converters leave files there, and pnnx deletes its own by name.

    Raises:
        WriteError: it cannot be made.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        # Beside the target, so that the result is moved and never copied, and a full disk shows here.
        temporary = tempfile.TemporaryDirectory(prefix=f".{target.name}.{os.getpid()}.", dir=target.parent)
    except OSError as error:
        raise WriteError(f"{target}: could not be written: {error.strerror}", hint="choose another output") from error
    before = Path.cwd()
    with temporary as name:
        os.chdir(name)
        try:
            yield Path(name)
        finally:
            os.chdir(before)


@contextlib.contextmanager
def logged(log: Path) -> Iterator[None]:
    """Send everything that is printed into `log`, by this process and by those it starts."""
    sys.stdout.flush()
    sys.stderr.flush()
    with log.open("a", encoding="utf-8") as stream, contextlib.ExitStack() as stack:
        for number in (1, 2):
            kept = os.dup(number)
            stack.callback(os.close, kept)
            stack.callback(os.dup2, kept, number)
            os.dup2(stream.fileno(), number)
        stack.enter_context(contextlib.redirect_stdout(stream))
        stack.enter_context(contextlib.redirect_stderr(stream))
        stack.enter_context(log_to(log))
        yield


@contextlib.contextmanager
def answered(target: Path, log: Path) -> Iterator[None]:
    """Say what a converter died of.

    Raises:
        ExportError: with the last lines of `log`.
        WriteError: there is no space left.
    """
    try:
        yield
    except YoloTLError:
        raise
    except Exception as error:  # whatever a tracer, a simplifier, a converter or a writer raises
        if _is_full(error) or "No space left on device" in last_words(log):
            raise WriteError(
                f"{target}: could not be written: no space left",
                hint="free some space or choose another output path; nothing was left behind",
            ) from error
        reason = str(error).strip() or type(error).__name__
        raise ExportError(f"{target.name}: the export failed: {reason}", hint=last_words(log)) from error


def _is_full(error: BaseException | None) -> bool:
    full = isinstance(error, OSError) and error.errno == errno.ENOSPC
    return full or (error is not None and ("No space left" in str(error) or _is_full(error.__cause__)))


def last_words(log: Path) -> str:
    """The last lines of a log, without colours and times."""
    text = log.read_text(encoding="utf-8", errors="replace") if log.is_file() else ""
    lines = [line.strip() for line in _DECORATION.sub("", text).splitlines()]
    return "\n".join([line for line in lines if line][-_LAST_WORDS:])
