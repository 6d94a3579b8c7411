"""From the outputs of a network for one image to what was found in it, by task."""

from __future__ import annotations

from collections.abc import Sequence

from yolo_tl.boxes import Detections
from yolo_tl.edge.decode import Thresholds, decode
from yolo_tl.edge.letterbox import unletterbox
from yolo_tl.edge.network import NetworkInfo, Outputs
from yolo_tl.edge.preprocess import Frame
from yolo_tl.errors import BundleError


def postprocess(
    outputs: Outputs,
    frame: Frame,
    info: NetworkInfo,
    *,
    thresholds: Thresholds,
    classes: Sequence[int] | None = None,
) -> Detections:
    """What was found in one image.

    Args:
        outputs: of the network for this image, without the batch axis.
        frame: where the image lies in the input.
        info: how the outputs are read.
        thresholds: what counts.
        classes: keep only these class numbers.

    Returns:
        In px of the image, best first.

    Raises:
        RuntimeFailure: the outputs hold NaN.
    """
    if info.task != "detect":
        raise BundleError(f"the task {info.task} is not run yet", hint="use Ultralytics itself for other tasks")
    rows = decode(outputs[0], head=info.head, thresholds=thresholds, classes=classes)
    rows[:, :4] = unletterbox(rows[:, :4], canvas=frame.canvas, image=frame.image)
    return Detections.from_rows(rows)
