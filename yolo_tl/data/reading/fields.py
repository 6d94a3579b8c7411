"""Values of a parsed document, checked one object at a time: a malformed one costs itself and not its file."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

T = TypeVar("T")


def typed(value: Any, type: type[T]) -> T:
    """`value` as `type` (anything `msgspec` can convert to); numbers written as strings count.

    Raises:
        ValueError: it is something else; the message says what and where in it.

    >>> typed([1, "2.5"], tuple[float, float])
    (1.0, 2.5)
    """
    try:
        return msgspec.convert(value, type, strict=False)
    except msgspec.ValidationError as error:
        reason, _, place = str(error).replace("Object missing required field", "missing").partition(" - at `$")
        where = place.strip("`.")
        raise ValueError(f"{reason[:1].lower()}{reason[1:]}" + (f" at {where}" if where else "")) from error


def entries(value: Any) -> list[Any]:
    """`value` if it is a list, nothing if it is null.

    Raises:
        ValueError: it is anything else.
    """
    if value is None:
        return []
    if not isinstance(value, list):
        raise ValueError(f"expected a list, found {found(value)}")
    return value


def class_name(value: Any) -> str:
    """A class as the source writes it, which may be a number; "" where there is none.

    >>> class_name(" cat "), class_name(3), class_name(None)
    ('cat', '3', '')
    """
    if isinstance(value, str):
        return value.strip()
    return str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else ""


def found(value: Any) -> str:
    """`value` for a message, not longer than a line."""
    if isinstance(value, (dict, list)):
        return f"{'an object' if isinstance(value, dict) else 'a list'} of {len(value)}"
    try:
        text = repr(value)
    except ValueError:  # an integer of more digits than Python writes
        return "a very long number"
    return text if len(text) <= 80 else f"{text[:80]}..."
