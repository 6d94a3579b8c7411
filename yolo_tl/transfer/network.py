"""The facts of a network that a plan needs: its layers, sections and parameter names.

Sections follow the model's own YAML: *backbone* is its ``backbone`` list, *head* is the
last layer (the detection head), *neck* is what lies between, *trunk* is backbone + neck.
So YOLO11 and YOLO26 have a backbone of 11 layers, v5 and v8 one of 10. Its first five, down
to an eighth of the image's side, are the *stem*: edges and textures.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

SECTIONS = ("stem", "backbone", "neck", "head", "trunk")
STEM = 5  # layers; the same in v5, v8, YOLO11 and YOLO26


@dataclass(frozen=True)
class Network:
    """A network as its checkpoint or YAML describes it; holds no tensor.

    Attributes:
        family: name of the architecture file, such as ``yolo11n``.
        kinds: module type of each layer, in order, such as ``Conv``, ``C3k2``, ``Detect``.
        backbone: number of backbone layers.
        parameters: name (``model.0.conv.weight``) and number of values of every parameter.
        norms: names of the BatchNorm modules, such as ``model.0.bn``.
        names: class names the weights were trained on.
        task: ``detect``, ``segment``, …
        pretrained: whether the weights come from a checkpoint; false for a bare YAML.
    """

    family: str
    kinds: tuple[str, ...]
    backbone: int
    parameters: tuple[tuple[str, int], ...]
    norms: tuple[str, ...]
    names: tuple[str, ...]
    task: str
    pretrained: bool

    @classmethod
    def from_yaml(
        cls,
        yaml: Mapping[str, Any],
        *,
        parameters: tuple[tuple[str, int], ...],
        norms: tuple[str, ...],
        names: tuple[str, ...],
        task: str,
        pretrained: bool,
    ) -> Network:
        """From an Ultralytics model YAML: lists ``backbone`` and ``head`` of (from, repeats, module, args)."""
        rows = [*yaml["backbone"], *yaml["head"]]
        return cls(
            family=PurePath(str(yaml.get("yaml_file", "custom"))).stem,
            kinds=tuple(str(row[2]).rpartition(".")[2] for row in rows),
            backbone=len(yaml["backbone"]),
            parameters=parameters,
            norms=norms,
            names=names,
            task=task,
            pretrained=pretrained,
        )

    @property
    def head(self) -> int:
        """Index of the detection head, the last layer."""
        return len(self.kinds) - 1

    @property
    def two_headed(self) -> bool:
        """Whether the head has one-to-many and one-to-one (NMS-free) branches, as YOLO26 does."""
        return any(".one2one_" in name for name, _ in self.parameters)

    def section(self, name: str) -> range:
        """Layer indices of a section.

        Raises:
            KeyError: not one of `SECTIONS`.
        """
        return {
            "stem": range(min(STEM, self.backbone)),
            "backbone": range(self.backbone),
            "neck": range(self.backbone, self.head),
            "head": range(self.head, self.head + 1),
            "trunk": range(self.head),
        }[name]

    def section_of(self, layer: int) -> str:
        """``stem``, ``backbone`` (the rest of it), ``neck`` or ``head``."""
        return next(name for name in ("stem", "backbone", "neck", "head") if layer in self.section(name))
