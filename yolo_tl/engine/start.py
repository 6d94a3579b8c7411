"""The network a run starts from: this data's classes, with all of the checkpoint that fits."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from yolo_tl.engine.hermetic import ultralytics
from yolo_tl.transfer.classes import names_for_load
from yolo_tl.transfer.plan import TrainPlan


def start_network(plan: TrainPlan, module: Any) -> Any:
    """Carry a loaded network over to the classes of the plan; what does not fit is random, by the plan's seed.

    Rows of the classifier are reused where the plan has found a class that the weights know (Ultralytics
    compares names, so the network bears their names meanwhile).

    Args:
        plan: the plan, with its class names and matches.
        module: the loaded checkpoint, or a network with random weights.

    Returns:
        An Ultralytics network, float32, on the CPU; what does not come from `module` depends on the seed only.
    """
    ultralytics()
    from ultralytics.nn.tasks import DetectionModel
    from ultralytics.utils.torch_utils import init_seeds

    names = plan.data.names
    init_seeds(plan["seed"], deterministic=True)
    yaml = deepcopy(module.yaml)
    network = DetectionModel(yaml, nc=len(names), ch=yaml.get("channels", 3), verbose=False)
    if plan.network.pretrained:
        own = module.names
        network.names, module.names = names_for_load(plan.classes)
        network.load(module)
        module.names = own
    network.names = dict(enumerate(names))
    network.nc = len(names)
    return network
