"""What a qualification brings into a bundle: the thresholds by class, and how they were judged."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yolo_tl.config import ExportConfig
from yolo_tl.edge.network import Head
from yolo_tl.errors import ExportError
from yolo_tl.files import require_schema

_AGAIN = "qualify this checkpoint: yolo-tl qualify"


@dataclass(frozen=True)
class Acceptance:
    """A qualification, as far as it travels.

    Attributes:
        thresholds: class name → threshold.
        content: verdict, contract, limits, counts and bounds; not the images.
    """

    thresholds: dict[str, float]
    content: dict[str, Any]

    @classmethod
    def read(cls, path: Path) -> Acceptance:
        """Read what `yolo-tl qualify` wrote.

        Raises:
            ExportError: the file is missing, or something else.
        """
        try:
            content = json.loads(path.read_bytes())
            require_schema("qualification.json", content, path, ExportError)
            thresholds = {str(name): float(value) for name, value in content["thresholds"].items()}
            travels = {key: content[key] for key in ("verdict", "contract", "model")}
            travels["data"] = {"fingerprint": content["data"]["fingerprint"]}  # the path says nothing elsewhere
            for key in ("chosen", "judged"):
                travels[key] = {k: v for k, v in content[key].items() if k not in ("escapes", "overkills")}
        except OSError as error:
            raise ExportError(f"{path}: cannot be read: {error.strerror}", hint=_AGAIN) from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ExportError(f"{path}: expected a qualification, as yolo-tl qualify writes it", hint=_AGAIN) from error
        return cls(thresholds, travels)

    def require_of(self, *, sha256: str, names: tuple[str, ...], head: Head, imgsz: int, config: ExportConfig) -> None:
        """Fail unless what is exported is what was judged.

        Args:
            sha256: of the checkpoint.
            names: class names by index.
            head: of the export.
            imgsz: side of the square input, px.
            config: the request.

        Raises:
            ExportError: it is the qualification of something else.
        """
        if head == "nms" or config.dynamic:
            raise ExportError(
                f"a qualified model is exported with head raw or nms-free and a fixed size, found head {head}"
                f"{' and dynamic' if config.dynamic else ''}",
                hint="NMS inside the graph keeps one class of a box, and a free size pads less: neither was judged",
            )
        model = self.content["model"]
        for key, what, found in (
            ("sha256", "checkpoint with SHA-256", sha256),
            ("names", "classes", list(names)),
            ("head", "head", "nms-free" if head == "nms-free" else "one-to-many"),
            ("imgsz", "input side", imgsz),
            ("iou", "NMS IoU", config.iou),
            ("max_det", "max_det", config.max_det),
        ):
            if model.get(key) != found:
                raise ExportError(
                    f"the qualification is of {what} {model.get(key)}, the export is of {found}", hint=_AGAIN
                )
