"""Generated pictures of an inspection line: caps, boards and labels, with defects whose outlines are known exactly."""

from yolo_tl.data.scenes.dataset import SAMPLE_FORMATS, SampleReport, make_scenes
from yolo_tl.data.scenes.defects import CLASSES, Defect
from yolo_tl.data.scenes.drawing import Scene, draw_scene

__all__ = ["CLASSES", "SAMPLE_FORMATS", "Defect", "SampleReport", "Scene", "draw_scene", "make_scenes"]
