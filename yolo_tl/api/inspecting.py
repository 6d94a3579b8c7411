"""Inspection: a model that looks at a source, rules that decide, and logs that can be decided again."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yolo_tl.errors import UsageError
from yolo_tl.files import PathLike

if TYPE_CHECKING:
    from yolo_tl.edge.image import Image
    from yolo_tl.edge.model import Model
    from yolo_tl.edge.network import Engine
    from yolo_tl.inspection.decision import Decision
    from yolo_tl.inspection.inspector import Inspector
    from yolo_tl.inspection.replay import Replay
    from yolo_tl.inspection.sinks import Sink
    from yolo_tl.streams import Policy, Source, StreamOptions


def inspect(
    model: PathLike | Model,
    source: PathLike | int | Source | Iterable[Image],
    *,
    rules: PathLike,
    overrides: Mapping[str, Any] | None = None,
    log: PathLike | None = None,
    log_budget: int = 4 << 30,
    log_sync: float = 1.0,
    pictures: PathLike | None = None,
    picture_budget: int = 1 << 30,
    picture_verdicts: Sequence[str] = ("FAIL",),
    webhook: str | None = None,
    webhook_secret: str | None = None,
    mqtt: str | None = None,
    mqtt_password: str | None = None,
    sinks: Sequence[Sink | Callable[[Decision], object]] = (),
    policy: Policy | None = None,
    deadline: float | None = None,
    timeout: float | None = None,
    options: StreamOptions | None = None,
    limit: int | None = None,
    seconds: float | None = None,
    threads: int | None = None,
    engine: Engine = "auto",
    tiled: bool = False,
    largest_object: float | None = None,
) -> Inspector:
    """An iterator of decisions, one for every frame of a source: PASS, FAIL or UNKNOWN. It needs no torch.

    Use it with ``with``, so that leaving early ends it; it begins with the first step.

    Args:
        model: a bundle, an exported network, or a model that is open.
        source: a file, a folder, a pattern, ``camera:0``, ``rtsp://…``, ``watch:FOLDER`` (see
            `yolo_tl.streams.open_source`), a source, or an iterable of pictures (H, W, 3) uint8 BGR.
        rules: a preset or a YAML file.
        overrides: dotted keys of the rules to values, stronger than the file.
        log: folder for a log of JSON lines. If it cannot be written, the inspection stops.
        log_budget: bytes that it may take; the oldest files are removed.
        log_sync: seconds after which lines are on the disk at the latest; 0 waits for it at every line.
        pictures: folder for annotated pictures.
        picture_budget: bytes that they may take; the oldest are removed.
        picture_verdicts: which decisions are pictured.
        webhook: address to which FAIL and UNKNOWN are posted.
        webhook_secret: of the signature of what is posted.
        mqtt: ``[mqtt://|mqtts://][USER@]HOST[:PORT]/TOPIC`` on which every decision is published.
        mqtt_password: of that user.
        sinks: others, which are written after these: sinks, or functions that take a decision.
        policy: ``block``, ``drop-oldest`` or ``drop-newest``: what happens to pictures that come too fast.
        deadline: seconds after which a picture that has not been looked at is late, and UNKNOWN.
        timeout: seconds without a picture after which a live source is lost.
        options: how else the stream is kept; the three before are stronger.
        limit: frames after which it ends.
        seconds: after which it ends.
        threads: CPU threads of a model that is opened here; None leaves it to the engine.
        engine: what runs it; ``openvino`` also runs ONNX files.
        tiled: look at pictures in tiles as large as the model's input, where they are larger.
        largest_object: longer side of the largest object in px: so far do tiles overlap.

    Raises:
        BundleError: the model cannot be run.
        ConfigError: rules that do not fit the model, or a value out of range.
        UsageError: a source or an address that is none, or tiles for a model that classifies.
        MissingExtra: paho-mqtt is not installed.
        WriteError: while it runs: a decision could not be written down.
    """
    from yolo_tl.edge.network import RunOptions
    from yolo_tl.edge.opening import open_model
    from yolo_tl.inspection.inspector import Inspector
    from yolo_tl.inspection.loading import load_rules
    from yolo_tl.inspection.sinks import LogSink, MqttSink, PictureSink, WebhookSink

    chosen: list[Sink | Callable[[Decision], object]] = []
    if log is not None:
        chosen.append(LogSink(Path(log), budget=log_budget, size=min(64 << 20, log_budget), sync=log_sync))
    if pictures is not None:
        chosen.append(PictureSink(Path(pictures), budget=picture_budget, verdicts=picture_verdicts))
    if webhook is not None:
        chosen.append(WebhookSink(webhook, secret=webhook_secret))
    if mqtt is not None:
        chosen.append(MqttSink(mqtt, password=mqtt_password))
    opened = open_model(model, RunOptions(threads, engine=engine)) if isinstance(model, (str, os.PathLike)) else model
    return Inspector(
        _in_tiles(opened, largest_object) if tiled else opened,
        source,
        load_rules(str(rules), overrides=overrides),
        sinks=[*chosen, *sinks],
        policy=policy,
        deadline=deadline,
        timeout=timeout,
        options=options,
        limit=limit,
        seconds=seconds,
    )


def _in_tiles(model: Model, largest_object: float | None) -> Model:
    from yolo_tl.edge.detector import Detector
    from yolo_tl.edge.tiled import TiledDetector

    if not isinstance(model, Detector):
        raise UsageError(
            f"{model.artifact.path}: expected a model that finds boxes to look at tiles, found {model.task}"
        )
    return TiledDetector(model, largest_object=largest_object)


def replay(log: PathLike, *, rules: PathLike | None = None, overrides: Mapping[str, Any] | None = None) -> Replay:
    """Make every decision of a log again, from the detections in it.

    Args:
        log: a file of JSON lines, or the folder of a log.
        rules: other rules than those in the log, a preset or a YAML file: what would have been decided.
        overrides: dotted keys of these rules to values, stronger than the file.

    Returns:
        An iterator of decisions then and now; it reads as it goes.

    Raises:
        DataNotFound: there is no log.
        ParseError: while it is read: a line is no decision.
        UsageError: while it is read: the log does not hold what other rules need.
    """
    from yolo_tl.inspection.loading import load_rules
    from yolo_tl.inspection.replay import replay as again

    return again(Path(log), None if rules is None else load_rules(str(rules), overrides=overrides))
