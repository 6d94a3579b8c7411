"""What a device needs to run a bundle: pinned requirements, a wheel, a systemd unit, a container file, instructions."""

from yolo_tl.device_kit.kit import Deployment, KitRules, make_kit
from yolo_tl.device_kit.writing import Target

__all__ = ["Deployment", "KitRules", "Target", "make_kit"]
