"""A model behind HTTP."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from yolo_tl.errors import ConfigError, MissingExtra
from yolo_tl.files import PathLike

if TYPE_CHECKING:
    from yolo_tl.edge.network import Engine
    from yolo_tl.serving.limits import Limits
    from yolo_tl.serving.server import Listening


def serve(
    model: PathLike,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    rules: PathLike | None = None,
    api_key: str | None = None,
    models: PathLike | None = None,
    limits: Limits | None = None,
    workers: int = 1,
    threads: int | None = None,
    engine: Engine = "auto",
    started: Callable[[Listening], None] = lambda listening: None,
) -> None:
    """Answer HTTP requests with a model until SIGTERM or SIGINT comes, and finish what was accepted.

    Args:
        model: a bundle or an exported network.
        host: address to listen on; by default this machine alone is answered.
        port: 0 for any that is free.
        rules: name or path of rules that look at one image at a time; without them there are no verdicts.
        api_key: what clients have to send; None lets everybody in who reaches the address.
        models: folder of bundles that may take the model's place while it runs; needs a key.
        limits: see `yolo_tl.serving.limits.Limits`.
        workers: requests that are worked on at once, each with an engine of its own.
        threads: CPU threads of an engine; None leaves it to the engine.
        engine: what runs the model; ``openvino`` also runs ONNX files.
        started: called once the server listens, with where.

    Raises:
        BundleError: the model is missing, damaged, or of a kind that is not run here.
        ParityError: its golden set comes out otherwise.
        ConfigError: rules that need more than one image, a folder of models that is none, or an empty key.
        RuntimeFailure: the address is taken.
        MissingExtra: what answers is not installed.
    """
    folder = None if models is None else Path(models)
    if folder is not None and not folder.is_dir():
        raise ConfigError(f"{folder}: expected a folder of bundles, found none")
    if folder is not None and api_key is None:
        raise ConfigError(
            "expected an API key with a folder of models", hint="whoever reaches the server could exchange its model"
        )
    if api_key is not None and not (api_key.isascii() and api_key.isprintable() and api_key.strip() == api_key != ""):
        raise ConfigError(
            "expected an API key of printable ASCII letters", hint="for example from: openssl rand -hex 32"
        )
    try:
        from yolo_tl.serving.server import run_server
        from yolo_tl.serving.service import Service
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] == "yolo_tl":
            raise
        raise MissingExtra(error.name, "serve") from error
    from yolo_tl.edge.network import RunOptions
    from yolo_tl.inspection.loading import load_rules

    service = Service(
        Path(model),
        rules=None if rules is None else load_rules(str(rules)),
        models=folder,
        api_key=api_key,
        limits=limits,
        workers=workers,
        options=RunOptions(threads=threads, engine=engine),
    )
    run_server(service, host=host, port=port, started=started)
