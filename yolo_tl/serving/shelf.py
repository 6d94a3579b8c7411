"""The model that answers, the one before it, and how they are exchanged."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from yolo_tl.errors import YoloTLError
from yolo_tl.serving.refusal import Refusal
from yolo_tl.serving.served_model import ServedModel

Load = Callable[[Path], ServedModel]


class Shelf:
    """Two models, of which one answers.

    A request takes the current model once, and keeps it to its end; so an exchange needs no pause.

    Args:
        first: the model to begin with.
        load: opens and proves another.
        folder: where models for an exchange have to lie; None allows none.
    """

    def __init__(self, first: ServedModel, load: Load, folder: Path | None) -> None:
        self._models: tuple[ServedModel, ServedModel | None] = (first, None)
        self._load = load
        self._folder = None if folder is None else folder.resolve()
        self._exchanging = threading.Lock()

    @property
    def current(self) -> ServedModel:
        """The model that answers."""
        return self._models[0]

    @property
    def previous(self) -> ServedModel | None:
        """The model that answered before."""
        return self._models[1]

    def swap(self, name: str) -> None:
        """Load a model beside the current one, prove it, and let it answer from now on.

        Args:
            name: path of a bundle, absolute or in the folder of models.

        Raises:
            Refusal: 403 outside the folder; 409 while another exchange goes on, or for a model of another task or with
                other classes; 422 where it cannot be loaded or is not proven. The current model goes on answering.
        """
        path = self._allowed(name)
        with self._alone():
            try:
                model = self._load(path)
            except YoloTLError as error:
                raise Refusal(422, error.message, hint=error.hint, reason="model") from error
            except OSError as error:  # a name too long, a file that goes away
                raise Refusal(422, f"the model cannot be read: {error.strerror}", reason="model") from error
            current = self.current
            if model.sha256 == current.sha256:
                return
            if not model.proven:
                raise Refusal(
                    422,
                    f"{path}: expected a bundle with a golden set",
                    hint="export it again, or start the server with it",
                    reason="model",
                )
            if (model.task, model.names) != (current.task, current.names):
                raise Refusal(
                    409,
                    f"{path}: expected a model for {current.task} of {', '.join(current.names)}, "
                    f"found one for {model.task} of {', '.join(model.names)}",
                    hint="clients count on the classes; start another server for other ones",
                    reason="model",
                )
            self._models = (model, current)

    def rollback(self) -> None:
        """Let the model before answer again; it and the current one change places.

        Raises:
            Refusal: 409 where there is none, or while an exchange goes on.
        """
        with self._alone():
            current, previous = self._models
            if previous is None:
                raise Refusal(409, "expected a model to go back to, found none", reason="model")
            self._models = (previous, current)

    def _alone(self) -> _Alone:
        return _Alone(self._exchanging)

    def _allowed(self, name: str) -> Path:
        if self._folder is None:
            raise Refusal(
                403, "this server exchanges no models", hint="start it with a folder of models", reason="forbidden"
            )
        try:
            path = (self._folder / name).resolve()
        except (OSError, ValueError, RuntimeError) as error:  # a NUL, a name too long, links in a circle
            raise Refusal(422, f"expected the path of a bundle: {error}", reason="request") from error
        if self._folder not in path.parents:
            raise Refusal(
                403,
                "expected a bundle in the folder of models",
                hint="copy it there, or start the server with another folder",
                reason="forbidden",
            )
        return path


class _Alone:
    """A lock that is not waited for."""

    def __init__(self, lock: threading.Lock) -> None:
        self._lock = lock

    def __enter__(self) -> None:
        if not self._lock.acquire(blocking=False):
            raise Refusal(
                409, "another exchange of the model is going on", reason="model", headers={"Retry-After": "1"}
            )

    def __exit__(self, *_: object) -> None:
        self._lock.release()
