from __future__ import annotations

import json
import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.engines import engine_of
from support.fake_tensorrt import plan_of

from yolo_tl.edge import engine_file
from yolo_tl.edge.engine_file import header, read_engine, sidecar, strip, wrap, write_engine
from yolo_tl.edge.engine_info import EngineInfo
from yolo_tl.errors import BundleError, UsageError, WriteError

METADATA: dict[str, Any] = {
    "description": "Ultralytics YOLO11n model trained on Ärger/data.yaml",
    "stride": 32,
    "task": "detect",
    "batch": 1,
    "imgsz": [64, 96],
    "names": {0: "class 0", 1: "Riß", 2: "class 2"},
    "args": {"batch": 1, "nms": None, "dynamic": False},
    "channels": 3,
    "end2end": False,
}
PLAN = b"ftrt" + bytes(20) + bytes([10, 13, 3, 9]) + b"the rest of a plan"

paths = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def write_as_ultralytics(path: Path, metadata: object, plan: bytes) -> Path:
    """The last lines of `onnx2engine` in ultralytics/utils/export/engine.py."""
    meta = json.dumps(metadata)
    with path.open("wb") as t:
        t.write(len(meta).to_bytes(4, byteorder="little", signed=True))
        t.write(meta.encode())
        t.write(plan)
    return path


def test_a_file_of_ultralytics(tmp_path: Path) -> None:
    path = write_as_ultralytics(tmp_path / "yolo11n.engine", METADATA, PLAN)
    engine = read_engine(path)
    assert engine.info.metadata == METADATA
    assert engine.plan() == PLAN
    assert engine.info.tensorrt == "10.13.3.9"  # from the plan itself
    assert (engine.info.gpu, engine.info.sha256) == (None, None)


def test_strip_then_wrap_gives_the_file_back(tmp_path: Path) -> None:
    theirs = write_as_ultralytics(tmp_path / "theirs.engine", METADATA, PLAN)
    info = strip(theirs, tmp_path / "plain.engine")
    assert (tmp_path / "plain.engine").read_bytes() == PLAN
    assert read_engine(tmp_path / "plain.engine").info == info
    wrap(tmp_path / "plain.engine", tmp_path / "again.engine")
    assert (tmp_path / "again.engine").read_bytes() == theirs.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "again.engine",
        "plain.engine",
        "plain.engine.json",
        "theirs.engine",
    ]


@pytest.mark.skipif(find_spec("ultralytics") is None, reason="needs ultralytics")
def test_ultralytics_reads_what_is_wrapped_and_we_read_as_it_does(tmp_path: Path) -> None:
    from yolo_tl.engine.hermetic import ultralytics

    ultralytics()
    from ultralytics.nn.backends.base import BaseBackend

    plain, wrapped = tmp_path / "plain.engine", tmp_path / "wrapped.engine"
    write_engine(plain, PLAN, EngineInfo("10.13.3.9", METADATA))
    wrap(plain, wrapped)
    offset, metadata = BaseBackend.engine_header(wrapped)
    assert wrapped.read_bytes()[offset:] == PLAN
    assert {**metadata, "names": {int(k): v for k, v in metadata["names"].items()}} == METADATA
    assert header(wrapped) == (offset, metadata)
    assert header(plain) == (0, None)
    assert BaseBackend.engine_header(plain) == (0, {})


@paths
@given(metadata=st.dictionaries(st.text(max_size=6), json_values, max_size=4), plan=st.binary(max_size=64))
def test_any_header_is_read_as_ultralytics_reads_it(tmp_path: Path, metadata: dict[str, Any], plan: bytes) -> None:
    path = write_as_ultralytics(tmp_path / "any.engine", metadata, plan)
    offset, found = header(path)
    assert found == metadata
    assert path.read_bytes()[offset:] == plan


@paths
@given(content=st.binary(min_size=1, max_size=200))
def test_bytes_that_are_no_header_are_a_plan(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bytes.engine"
    path.write_bytes(content)
    offset, found = header(path)
    assert (offset == 0) == (found is None)
    if found is not None:  # a random JSON object: it must be what stands there
        assert json.loads(content[4:offset]) == found


@pytest.mark.parametrize(
    "content",
    [
        (5).to_bytes(4, "little") + b"[1,2]" + PLAN,  # JSON, but no metadata
        (-3).to_bytes(4, "little", signed=True) + b"{}" + PLAN,
        (0).to_bytes(4, "little") + b"{}" + PLAN,
        (10_000).to_bytes(4, "little") + b"{}" + PLAN,
        (2).to_bytes(4, "little") + b"{",
        b"ab",
    ],
)
def test_headers_that_are_none(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "odd.engine"
    path.write_bytes(content)
    assert header(path) == (0, None)
    with pytest.raises(BundleError, match=r"expected odd\.engine\.json beside the plan"):
        read_engine(path)


def test_a_plan_of_another_layout_does_not_say_its_version(tmp_path: Path) -> None:
    for i, plan in enumerate((b"ptrt" + PLAN[4:], PLAN[:4] + b"\1" + PLAN[5:], PLAN[:27], b"")):
        path = write_as_ultralytics(tmp_path / f"{i}.engine", METADATA, plan)
        assert read_engine(path).info.tensorrt is None


def test_a_sidecar_of_ours(toy) -> None:
    path = engine_of(toy(), version_compatible=True, lean_runtime=True)
    engine = read_engine(path)
    assert engine.info.metadata["names"] == {0: "class 0", 1: "class 1", 2: "class 2"}
    assert engine.info.metadata["imgsz"] == [64, 96]
    assert engine.plan() == path.read_bytes() == plan_of(toy())


def test_one_changed_byte_is_noticed_before_anything_is_loaded(toy) -> None:
    path = engine_of(toy())
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(BundleError, match=r"expected the plan of toy\.engine\.json, found another"):
        read_engine(path).plan()


@pytest.mark.parametrize("damage", [b"", b"{", b"null", b"\xff\xfe", b"[" * 100_000])
def test_a_damaged_sidecar(toy, damage: bytes) -> None:
    path = engine_of(toy())
    sidecar(path).write_bytes(damage)
    with pytest.raises(BundleError, match=r"toy\.engine\.json: expected"):
        read_engine(path)


def test_paths_that_are_no_plan(tmp_path: Path) -> None:
    (tmp_path / "empty.engine").touch()
    for name in ("none.engine", "empty.engine", ""):
        with pytest.raises(BundleError, match="expected a TensorRT plan, found nothing"):
            read_engine(tmp_path / name)


def test_what_cannot_be_stripped_or_wrapped(tmp_path: Path) -> None:
    theirs = write_as_ultralytics(tmp_path / "theirs.engine", METADATA, PLAN)
    ours = tmp_path / "ours.engine"
    strip(theirs, ours)
    with pytest.raises(BundleError, match="expected a header of Ultralytics, found none"):
        strip(ours, tmp_path / "x.engine")
    with pytest.raises(BundleError, match="expected a plain plan, found a header"):
        wrap(theirs, tmp_path / "x.engine")
    for act in (strip, wrap):
        with pytest.raises(UsageError, match="expected another file than the source"):
            act(theirs, theirs)


def test_an_interrupted_writing_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "model.engine"
    write_engine(path, PLAN, EngineInfo("11.4.0", METADATA))
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(engine_file, "write_json", interrupted)
        with pytest.raises(KeyboardInterrupt):
            write_engine(path, PLAN + b"new", EngineInfo("11.5.0", METADATA))
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(WriteError, match="No space left"):
        write_engine(path, PLAN + b"new", EngineInfo("11.5.0", METADATA))
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_a_process_killed_between_the_two_files_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "model.engine"
    write_engine(path, PLAN, EngineInfo("11.4.0", METADATA))
    replaced, real = [], os.replace

    def once(source: Any, target: Any) -> None:
        if Path(target) == path:
            raise KeyboardInterrupt
        replaced.append(Path(target).name)
        real(source, target)

    monkeypatch.setattr("yolo_tl.files.os.replace", once)
    with pytest.raises(KeyboardInterrupt):
        write_engine(path, PLAN + b"new", EngineInfo("11.5.0", METADATA))
    assert replaced[-1] == "model.engine.json"
    with pytest.raises(BundleError, match="found another"):
        read_engine(path).plan()
