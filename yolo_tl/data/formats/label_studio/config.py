"""The labelling configuration of Label Studio: an XML document with the root ``<View>``."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

from msgspec import Struct

from yolo_tl.data.documents import load_xml
from yolo_tl.data.tree import Tree


class LabellingConfig(Struct):
    """What the configurations of a source say, merged where there are several.

    Attributes:
        classes: of the regions, in order.
        choices: for whole images, in order.
        controls: names of the controls that hold the choices.
        keypoints: their names, in order.
        images: for the name of each ``<Image>``, the field of the task that holds it.
    """

    classes: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    controls: frozenset[str] = frozenset()
    keypoints: tuple[str, ...] = ()
    images: dict[str, str] = {}


def find_config(tree: Tree) -> LabellingConfig:
    """The configuration beside the tasks; an empty one where there is none.

    Raises:
        ParseError: such a file is not well formed.
    """
    result = LabellingConfig()
    for path in tree.all_files:
        if path.suffix.lower() == ".xml" and tree.xml_root(path) == "View":
            _merge(result, path)
    return result


def _merge(config: LabellingConfig, path: Path) -> None:
    for element in load_xml(path).iter():
        tag, name = element.tag.lower(), element.get("name") or ""
        if tag == "choices" and not _is_true(element.get("perRegion")):
            config.choices = _union(config.choices, _names(element, "choice"))
            config.controls |= {name}
        elif tag == "keypointlabels":
            config.keypoints = _union(config.keypoints, _names(element, "label", order="model_index"))
        elif tag.endswith("labels"):
            config.classes = _union(config.classes, _names(element, "label", order="category"))
        elif tag == "image":
            field = element.get("value") or element.get("valueList") or ""
            config.images[name] = field.removeprefix("$")


def _is_true(text: str | None) -> bool:
    return (text or "").lower() == "true"


def _union(known: tuple[str, ...], more: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*known, *more)))


def _names(element: ET.Element, tag: str, *, order: str = "") -> list[str]:
    """As results call them, by the number in the attribute `order` where all of them have one."""
    found = [child for child in element.iter() if child.tag.lower() == tag]
    numbers = [child.get(order) or "" for child in found]
    if found and all(number.isascii() and number.isdigit() for number in numbers):
        found = [child for _, child in sorted(zip(numbers, found, strict=True), key=lambda pair: int(pair[0][:18]))]
    names = ((child.get("alias") or child.get("value") or "").strip() for child in found)
    return [name for name in names if name]
