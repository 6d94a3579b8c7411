from __future__ import annotations

import pytest

from yolo_tl.transfer.network import Network


@pytest.fixture(scope="session", params=["yolov5n", "yolov8n", "yolo11n", "yolo26n"])
def network(request, ultralytics) -> Network:
    """The four families, read from the installed Ultralytics."""
    from yolo_tl.engine.checkpoint import describe_network, new_network

    return describe_network(new_network(f"{request.param}.yaml"), pretrained=True)
