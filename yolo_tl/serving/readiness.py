"""Whether the server can answer right now, proven on an image."""

from __future__ import annotations

import asyncio
import time

from yolo_tl.errors import YoloTLError
from yolo_tl.serving.limits import Limits
from yolo_tl.serving.shelf import Shelf
from yolo_tl.serving.workers import Closed, Expired, Workers

_FRESH = 1.0  # seconds for which an answer is given again


class Readiness:
    """Has a worker look at a golden image; all who ask at once share one look.

    Args:
        shelf: holds the model.
        workers: whose next free thread does it, before all requests that wait.
        limits: see there.
    """

    def __init__(self, shelf: Shelf, workers: Workers, limits: Limits) -> None:
        self._shelf, self._workers, self._limits = shelf, workers, limits
        self._one = asyncio.Lock()
        self._known = (0.0, "", "")  # until when, of which model, what
        self.draining = False

    async def problem(self) -> str:
        """Why it is not ready; empty if it is."""
        if self.draining:
            return "the server is shutting down"
        async with self._one:
            until, sha256, text = self._known
            if time.monotonic() > until or sha256 != self._shelf.current.sha256:
                sha256, text = self._shelf.current.sha256, await self._probe()
                self._known = (time.monotonic() + _FRESH, sha256, text)
            return text

    async def _probe(self) -> str:
        limit = self._limits.probe
        try:
            job = self._workers.submit(self._shelf.current.probe, deadline=time.monotonic() + limit, urgent=True)
            await asyncio.wait_for(asyncio.wrap_future(job), limit)
        except (asyncio.TimeoutError, Expired):
            return f"no worker has looked at the golden image for {limit:g} s"
        except Closed:
            return "the server is shutting down"
        except YoloTLError as error:
            return error.message
        return ""
