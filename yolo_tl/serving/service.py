"""The server without HTTP: what it is made of."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from starlette.requests import Request

from yolo_tl.edge.network import RunOptions
from yolo_tl.errors import YoloTLError
from yolo_tl.inspection.rules import Rules
from yolo_tl.serving import refusal
from yolo_tl.serving.answering import Answer, Answering, Question
from yolo_tl.serving.body import Bodies
from yolo_tl.serving.judging import Judging
from yolo_tl.serving.limits import Limits
from yolo_tl.serving.memory import release
from yolo_tl.serving.metrics import Metrics
from yolo_tl.serving.readiness import Readiness
from yolo_tl.serving.refusal import Refusal
from yolo_tl.serving.served_model import ServedModel
from yolo_tl.serving.shelf import Shelf
from yolo_tl.serving.workers import Closed, Expired, QueueFull, Workers


class Service:
    """Model, workers, limits and counters of one server.

    Args:
        path: a bundle or an exported network.
        rules: of which each looks at one image; without them there are no verdicts.
        models: folder of bundles that may take the model's place; needs a key.
        api_key: what clients have to say; None lets everybody in.
        limits: see there.
        workers: requests that are worked on at once, each with an engine of its own.
        options: how the network is run.

    Raises:
        BundleError: the model cannot be run.
        ParityError: its golden set comes out otherwise.
        ConfigError: the rules do not fit, or count from frame to frame.
    """

    def __init__(
        self,
        path: Path,
        *,
        rules: Rules | None = None,
        models: Path | None = None,
        api_key: str | None = None,
        limits: Limits | None = None,
        workers: int = 1,
        options: RunOptions | None = None,
    ) -> None:
        self.limits, self.api_key = limits or Limits(), api_key
        run = options or RunOptions()

        def load(path: Path) -> ServedModel:
            model = ServedModel(path, count=workers, options=run)
            if self.judging is not None:
                self.judging.require_fit(model)
            return model

        self.judging = None if rules is None else Judging(rules)
        first = load(path)
        self.shelf = Shelf(first, load, models)
        self.metrics = Metrics()
        self.metrics.serves(first)
        self.workers = Workers(workers, self.limits.queue)
        self.metrics.watch(lambda: self.workers.depth)
        self.bodies = Bodies(self.limits)
        self.answering = Answering(self.shelf, self.judging, self.limits, self.metrics)
        self.readiness = Readiness(self.shelf, self.workers, self.limits)

    async def answer(self, request: Request, question: Question, work: Callable[[Question], Answer]) -> Answer:
        """Have a worker answer a question; one whose client has left is not worked on.

        Raises:
            Refusal: 429 the queue is full, 499 the client has left, 503 not within the deadline; and what `of_error`
                says of an error.
        """
        try:
            job = self.workers.submit(lambda: work(question), deadline=question.deadline)
        except QueueFull as error:
            raise refusal.later(429, "too many requests wait", reason="queue") from error
        except Closed as error:
            raise refusal.later(503, "the server is shutting down", reason="shutdown") from error
        answer: asyncio.Future[Answer] = asyncio.wrap_future(job)
        left: asyncio.Future[None] = asyncio.ensure_future(_left(request))
        try:
            timeout = max(question.deadline - time.monotonic(), 0.0)
            both: list[asyncio.Future[Any]] = [answer, left]
            await asyncio.wait(both, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
            if answer.done():
                return answer.result()
            raise refusal.gone() if left.done() else self._late()
        except Expired as error:
            raise self._late() from error
        except YoloTLError as error:
            raise refusal.of_error(error) from error
        finally:
            left.cancel()
            answer.cancel()

    async def exchange(self, change: Callable[[], None]) -> dict[str, Any]:
        """Change which model answers, in a thread beside the workers.

        Raises:
            Refusal: see `Shelf`.
        """
        try:
            await asyncio.to_thread(_changed, change)
        except Refusal:
            self.metrics.exchanges.labels("refused").inc()
            raise
        self.metrics.exchanges.labels("done").inc()
        self.metrics.serves(self.shelf.current)
        return self.describe()

    def describe(self) -> dict[str, Any]:
        """The model, the rules and the model before."""
        previous = self.shelf.previous
        return {
            **self.shelf.current.describe(),
            "rules": None if self.judging is None else self.judging.sha256,
            "previous": None if previous is None else previous.sha256,
        }

    def _late(self) -> Refusal:
        return refusal.later(503, f"no answer within {self.limits.timeout:g} s", reason="deadline")


def _changed(change: Callable[[], None]) -> None:
    try:
        change()
    finally:
        release()


async def _left(request: Request) -> None:
    """Returns when the client has closed the connection; its body has been read, so nothing else can come."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
