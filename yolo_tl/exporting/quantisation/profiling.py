"""How long ONNX Runtime takes for each convolution of a network."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yolo_tl.edge.onnx import import_onnxruntime
from yolo_tl.exporting.quantisation.graph import Conv

_KERNEL = "_kernel_time"
# ONNX Runtime renames what it fuses: after its output, with the layout or a number behind it.
_RENAMED = re.compile(r"(_nchwc|_token_\d+|_nhwc)+$")


def conv_times(
    model: Any, convs: Iterable[Conv], feeds: Sequence[dict[str, NDArray[np.float32]]], *, rounds: int = 12
) -> dict[str, float]:
    """Median time of each convolution, µs; those that cannot be told apart are left out.

    Args:
        model: an ONNX model.
        convs: the convolutions of its float graph.
        feeds: inputs of runs, in turn.
        rounds: runs.
    """
    onnxruntime = import_onnxruntime()
    names = {alias: conv.name for conv in convs for alias in (conv.name, conv.output)}
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    options.enable_profiling = True
    with tempfile.TemporaryDirectory(prefix="yolo_tl-profile-") as folder:
        options.profile_file_prefix = str(Path(folder) / "run")
        network = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        for turn in range(rounds):
            network.run(None, feeds[turn % len(feeds)])
        events = json.loads(Path(network.end_profiling()).read_bytes())
    times: dict[str, list[float]] = {}
    for event in events:
        if event.get("cat") == "Node" and event["name"].endswith(_KERNEL):
            name = names.get(_RENAMED.sub("", event["name"].removesuffix(_KERNEL)))
            if name is not None:
                times.setdefault(name, []).append(float(event["dur"]))
    return {name: float(np.median(found)) for name, found in times.items()}
