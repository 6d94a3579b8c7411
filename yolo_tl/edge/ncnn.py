"""An NCNN model in NCNN's runtime."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yolo_tl.edge.network import Outputs, RunOptions, in_batches, require_layout
from yolo_tl.edge.sidecar import part, read_metadata, weights_of
from yolo_tl.errors import BundleError, MissingExtra

_REEXPORT = "the files may be damaged or cut off; copy the folder again or export it again from its checkpoint"


class NcnnNetwork:
    """A `Network` in NCNN, on the CPU, from a folder that Ultralytics exported.

    NCNN computes in float16 by itself where the processor has it. Here it stores and computes in float32 unless
    `RunOptions.precision` says otherwise. A model takes images of one size, one at a time.

    Args:
        path: the folder with a ``.param``, a ``.bin`` and ``metadata.yaml``, or its ``.param``.
        options: threads and precision.

    Raises:
        BundleError: a file is missing or damaged, or the model is no export of Ultralytics.
        MissingExtra: ncnn is not installed.
    """

    def __init__(self, path: Path, options: RunOptions | None = None) -> None:
        self.path = path
        graph = part(path, ".param")
        # A shape is nowhere in the graph: the anchors of one size are.
        self.info = replace(read_metadata(graph).info(batch=1), dynamic=False)
        self._ncnn = _import_ncnn()
        self._net = _load(self._ncnn, graph, options or RunOptions())
        self._inputs, self._outputs = self._net.input_names(), sorted(self._net.output_names())
        if len(self._inputs) != 1 or not self._outputs:
            raise BundleError(
                f"{path}: expected one input of images, found {', '.join(self._inputs) or 'none'}",
                hint="only networks of RGB images are run",
            )

    def run(self, tensor: NDArray[np.float32]) -> Outputs:
        """Images (B, 3, H, W) in [0, 1] → outputs (B, ...), for any B.

        Raises:
            BundleError: the network cannot be run, or its output is not laid out as its metadata says.
        """
        if tensor.shape[1:] != (3, *self.info.imgsz):  # NCNN computes something all the same
            raise BundleError(
                f"{self.path}: expected images (3, {self.info.imgsz[0]}, {self.info.imgsz[1]}), "
                f"found {tensor.shape[1:]}",
                hint="an NCNN model takes the one size it was exported for",
            )
        outputs = in_batches(self._run, tensor, size=1, fixed=True)
        require_layout(self.info, [output.shape for output in outputs], path=self.path)
        return outputs

    def _run(self, tensor: NDArray[np.float32]) -> Outputs:
        image = np.ascontiguousarray(tensor[0], np.float32)  # referred to, not copied, until the outputs are there
        found = []
        with self._net.create_extractor() as extractor:
            extractor.input(self._inputs[0], self._ncnn.Mat(image))
            for name in self._outputs:
                code, output = extractor.extract(name)
                if code:
                    raise BundleError(f"{self.path}: NCNN failed with code {code} at output {name}", hint=_REEXPORT)
                found.append(np.array(output, np.float32)[None])
        return tuple(found)


def _import_ncnn() -> Any:
    try:
        import ncnn
    except ImportError as error:
        raise MissingExtra("ncnn", "ncnn") from error
    return ncnn


def _load(ncnn: Any, graph: Path, options: RunOptions) -> Any:
    weights = weights_of(graph)
    net = ncnn.Net()
    half, brain = options.precision == "f16", options.precision == "bf16"
    net.opt.use_fp16_packed = net.opt.use_fp16_storage = net.opt.use_fp16_arithmetic = half
    net.opt.use_bf16_packed = net.opt.use_bf16_storage = brain
    net.opt.use_vulkan_compute = False
    if options.threads is not None:
        net.opt.num_threads = options.threads
    for file, load in ((graph, net.load_param), (weights, net.load_model)):
        if code := load(str(file)):
            raise BundleError(f"{file}: expected an NCNN model, but NCNN answers {code}", hint=_REEXPORT)
    return net
