"""Run an exported model with NumPy, OpenCV and ONNX Runtime; neither torch nor ultralytics is imported."""

from yolo_tl.edge.classification import Classification
from yolo_tl.edge.classifier import Classifier
from yolo_tl.edge.detector import Detector
from yolo_tl.edge.draw import draw
from yolo_tl.edge.frame import Frame
from yolo_tl.edge.image import read_image
from yolo_tl.edge.prediction import Prediction
from yolo_tl.edge.stream import frames
from yolo_tl.edge.tiled import TiledDetector
from yolo_tl.edge.tiling import TilePlan, Tiling

__all__ = [
    "Classification",
    "Classifier",
    "Detector",
    "Frame",
    "Prediction",
    "TilePlan",
    "TiledDetector",
    "Tiling",
    "draw",
    "frames",
    "read_image",
]
