"""Why a request gets no answer, as a status and words."""

from __future__ import annotations

from collections.abc import Mapping

from yolo_tl.errors import DataError, UsageError, YoloTLError


class Refusal(Exception):
    """A request that is not answered as asked.

    Args:
        status: of HTTP.
        message: what was expected and what was found.
        hint: what to do about it.
        reason: the word under which it is counted.
        headers: more of the response.
    """

    def __init__(
        self, status: int, message: str, *, hint: str = "", reason: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.hint, self.reason = status, message, hint, reason
        self.headers = dict(headers or {})


def later(status: int, message: str, *, reason: str, hint: str = "ask again later", seconds: int = 1) -> Refusal:
    """A refusal that says when to ask again."""
    return Refusal(status, message, hint=hint, reason=reason, headers={"Retry-After": str(seconds)})


def gone() -> Refusal:
    """The client has left; nobody reads this, but it is counted."""
    return Refusal(499, "the client closed the connection", reason="disconnected")


def of_error(error: YoloTLError) -> Refusal:
    """What a client is told of an error: its own mistakes in full, ours without paths of this machine."""
    if isinstance(error, DataError):
        return Refusal(422, error.message, hint=error.hint, reason="image")
    if isinstance(error, UsageError):
        return Refusal(422, error.message, hint=error.hint, reason="request")
    return Refusal(500, "the model failed on this request", hint="the server's log says why", reason="failed")
