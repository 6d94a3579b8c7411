"""Pinned requirements: complete, no more than that, and those of the project file."""

from __future__ import annotations

import re
import sys
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from yolo_tl.device_kit.requirements import BASE, ENGINES, HEADLESS, SERVE, pinned, requirements
from yolo_tl.errors import BundleError, MissingExtra

ROOT = Path(__file__).resolve().parents[2]


def names(lines: list[str]) -> set[str]:
    return {str(canonicalize_name(re.split(r"[<>=!~\[; ]", line)[0])) for line in lines}


def closure(wanted: set[str]) -> set[str]:
    """By `packaging`, without looking at extras: nothing here asks for one."""
    found: set[str] = set()
    waiting = list(wanted)
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        for line in metadata.requires(name) or []:
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                assert not requirement.extras, line
                waiting.append(str(canonicalize_name(requirement.name)))
    return found


@pytest.mark.skipif(sys.version_info < (3, 11), reason="tomllib")
def test_the_lists_are_those_of_the_project_file() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    assert names(project["dependencies"]) == {*BASE, "onnxruntime"}
    assert names(extras["edge"]) == {"onnxruntime"}, "an alias: the base install brings it"
    assert names(extras["serve"]) - {"yolo-tl"} == set(SERVE)
    for extra, choices in ENGINES.values():
        assert names(list(choices[0])) <= names(extras[extra] if extra else project["dependencies"])


@pytest.mark.parametrize("serve", [False, True])
def test_all_that_is_needed_is_pinned_to_what_is_here_and_nothing_else(serve: bool) -> None:
    lines = requirements("onnx", serve=serve)
    wanted = {*BASE, "onnxruntime", *(SERVE if serve else ())}
    assert names(lines) == closure(wanted) - {"opencv-python"} | {HEADLESS}
    for line in lines:
        name, _, version = line.partition("==")
        assert version == metadata.version("opencv-python" if name == HEADLESS else name)
    assert not names(lines) & {"torch", "ultralytics", "colorama", "onnx", "opencv-python"}
    assert lines == sorted(lines, key=lambda line: line.partition("==")[0])


def test_an_engine_that_is_not_here_has_no_version_to_pin(monkeypatch: pytest.MonkeyPatch) -> None:
    version = metadata.version

    def without(name: str) -> str:
        if name.startswith("onnxruntime"):
            raise metadata.PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr(metadata, "version", without)
    with pytest.raises(MissingExtra, match="onnxruntime") as caught:
        requirements("onnx")
    assert caught.value.hint == "pip install yolo-tl"
    with pytest.raises(BundleError, match="format coreml"):
        requirements("coreml")


@pytest.mark.parametrize("format", ["openvino", "ncnn"])
def test_a_device_has_the_engine_of_its_bundle_and_no_other(format: str) -> None:
    found = names(requirements(format))
    assert format in found
    assert "onnxruntime" not in found


def test_onnxruntime_for_a_gpu_is_pinned_where_that_is_what_is_here(monkeypatch: pytest.MonkeyPatch) -> None:
    version, requires = metadata.version, metadata.requires

    def swapped(name: str) -> str:
        if name == "onnxruntime":
            raise metadata.PackageNotFoundError(name)
        return "1.30.0" if name == "onnxruntime-gpu" else version(name)

    monkeypatch.setattr(metadata, "version", swapped)
    monkeypatch.setattr(metadata, "requires", lambda name: [] if name == "onnxruntime-gpu" else requires(name))
    lines = requirements("onnx")
    assert "onnxruntime-gpu==1.30.0" in lines
    assert "onnxruntime" not in names(lines)


def test_an_extra_of_a_package_brings_what_it_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    needs = {
        "alpha": ["beta[fast] >=1", 'gone; sys_platform == "win32"'],
        "beta": ['gamma; extra == "fast"', 'delta; extra == "slow"', "Alpha"],
        "gamma": [],
    }
    for name, lines in needs.items():
        folder = tmp_path / f"{name}-1.5.dist-info"
        folder.mkdir()
        required = "".join(f"Requires-Dist: {line}\n" for line in lines)
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.5\n{required}")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert pinned(["ALPHA"]) == ["alpha==1.5", "beta==1.5", "gamma==1.5"]
