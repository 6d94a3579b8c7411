"""``yolo-tl serve``: a model behind HTTP."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from yolo_tl.api import serving
from yolo_tl.cli.command import Command
from yolo_tl.cli.options import engine_option, json_option, rules_name, threads_option
from yolo_tl.cli.terminal import warn
from yolo_tl.errors import UsageError
from yolo_tl.serving.limits import Limits

if TYPE_CHECKING:
    from yolo_tl.edge.network import Engine
    from yolo_tl.serving.server import Listening

KEY = "YOLO_TL_API_KEY"


@click.command(
    "serve",
    cls=Command,
    examples=[
        ("yolo-tl serve runs/parts/bundle", "for this machine, at http://127.0.0.1:8000"),
        (
            "yolo-tl serve runs/parts/bundle --rules default --host 0.0.0.0 --api-key-file key.txt",
            "for others, with a key and verdicts",
        ),
    ],
)
@click.argument("bundle", type=click.Path())
@click.option("--rules", type=rules_name, help="Name or path of rules: answers /v1/inspect with PASS, FAIL or UNKNOWN.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; 0.0.0.0 is all of them.")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0: any that is free.")
@click.option("--api-key-file", type=click.Path(), help=f"File whose content clients have to send; else ${KEY}.")
@click.option("--models", type=click.Path(), help="Folder of bundles that may take the model's place; needs a key.")
@click.option("--queue", type=click.IntRange(min=0), default=32, show_default=True, help="Most requests that wait.")
@click.option("--max-body", type=click.FloatRange(min=0.001), default=32, show_default=True, help="MB of a request.")
@click.option("--max-pixels", type=click.FloatRange(min=0.001), default=50, show_default=True, help="MP of an image.")
@click.option(
    "--timeout", type=click.FloatRange(min=0.001), default=30, show_default=True, help="Seconds for an answer."
)
@click.option("--drain", type=click.FloatRange(min=0), default=0, show_default=True, help="Seconds of /readyz 503.")
@threads_option
@engine_option
@click.option(
    "--workers", type=click.IntRange(min=1), default=1, show_default=True, help="Requests at once, an engine each."
)
@json_option
def command(
    bundle: str,
    rules: str | None,
    host: str,
    port: int,
    api_key_file: str | None,
    models: str | None,
    queue: int,
    max_body: float,
    max_pixels: float,
    timeout: float,
    drain: float,
    threads: int | None,
    engine: Engine,
    workers: int,
    as_json: bool,
) -> None:
    """Answer HTTP requests with BUNDLE until SIGTERM or Ctrl-C; what was accepted is finished.

    POST an image to /v1/detect or /v1/inspect; /v1/model says which model answers, /healthz, /readyz and /metrics how
    it is, /openapi.json the rest. A page for people is at /.
    """

    def started(listening: Listening) -> None:
        if listening.open:
            warn(f"{listening.url} asks for no key: whoever reaches it is answered")
        click.echo(json.dumps(asdict(listening)) if as_json else f"listening on {listening.url}")

    body = round(max_body * 1e6)
    limits = Limits(
        queue=queue,
        body=body,
        memory=8 * body,
        pixels=round(max_pixels * 1e6),
        timeout=timeout,
        drain=drain,
    )
    serving.serve(
        bundle,
        host=host,
        port=port,
        rules=rules,
        api_key=_key(api_key_file),
        models=models,
        limits=limits,
        workers=workers,
        threads=threads,
        engine=engine,
        started=started,
    )


def _key(file: str | None) -> str | None:
    if file is None:
        return os.environ.get(KEY)
    try:
        return Path(file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--api-key-file {file}: expected a file with a key: {error}") from error
