"""A bundle as one file, and files that are none."""

from __future__ import annotations

import gc
import shutil
import stat
import tempfile
import zipfile
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.bundles import ONE, rehash, toy_bundle

from yolo_tl.edge import Detector, archive
from yolo_tl.edge.archive import opened, pack, unpack
from yolo_tl.edge.artifact import open_artifact
from yolo_tl.edge.golden import check_golden
from yolo_tl.errors import BundleError, UsageError


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return toy_bundle(tmp_path_factory.mktemp("made") / "bundle")


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder for temporary files, to see what is left there."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def content_of(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("compress", [False, True])
def test_packed_and_unpacked_it_is_the_same(bundle: Path, tmp_path: Path, compress: bool) -> None:
    pack(bundle, tmp_path / "a.zip", compress=compress)
    unpack(tmp_path / "a.zip", tmp_path / "again")
    assert content_of(tmp_path / "again") == content_of(bundle)
    copy = shutil.copytree(bundle, tmp_path / "copy")
    for path in sorted(copy.rglob("*")):
        path.touch()
        path.chmod(0o700)
    pack(copy, tmp_path / "b.zip", compress=compress)
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


@settings(max_examples=20)
@given(st.dictionaries(st.sampled_from(["a", "b/c", "b/ä ö", "golden.d/x", "Z"]), st.binary(max_size=300), max_size=4))
def test_any_files_come_back(bundle: Path, files: dict[str, bytes]) -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = shutil.copytree(bundle, Path(place) / "bundle", ignore=shutil.ignore_patterns("golden"))
        for name, content in files.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_bytes(content)
        rehash(folder)
        pack(folder, Path(place) / "a.zip")
        pack(folder, Path(place) / "b.zip")
        assert (Path(place) / "a.zip").read_bytes() == (Path(place) / "b.zip").read_bytes()
        unpack(Path(place) / "a.zip", Path(place) / "again")
        assert content_of(Path(place) / "again") == content_of(folder)


def test_it_runs_as_it_is_and_leaves_nothing(bundle: Path, tmp_path: Path, temporary: Path, pictures) -> None:
    pack(bundle, tmp_path / "bundle.zip")
    artifact = open_artifact(tmp_path / "bundle.zip", ONE)
    assert artifact.path == tmp_path / "bundle.zip"
    assert check_golden(artifact).passed
    (unpacked,) = temporary.iterdir()
    del artifact
    gc.collect()
    assert not unpacked.exists()
    detector = Detector(tmp_path / "bundle.zip")
    np.testing.assert_array_equal(detector(pictures[3]).xyxy, Detector(bundle)(pictures[3]).xyxy)
    del detector
    gc.collect()
    with opened(tmp_path / "bundle.zip") as folder:
        assert content_of(folder) == content_of(bundle)
    assert list(temporary.iterdir()) == []


def require_refused(path: Path, temporary: Path, message: str) -> None:
    """By every way in, and nothing is left anywhere."""
    with pytest.raises(BundleError, match=message) as caught:
        open_artifact(path, ONE)
    assert str(temporary) not in caught.value.message
    target = path.parent / "unpacked"
    with pytest.raises(BundleError, match=message):
        unpack(path, target)
    assert not target.exists()
    gc.collect()
    assert list(temporary.iterdir()) == []
    assert {entry.name for entry in path.parent.iterdir()} <= {path.name, "temporary", "good.zip", "bundle"}


@pytest.mark.parametrize(
    "name", ["../evil", "/evil", "a/../../evil", "C:/evil", "a\\..\\evil", "./manifest.json", "a//b", "x/."]
)
def test_a_path_that_leaves_the_bundle(tmp_path: Path, temporary: Path, name: str) -> None:
    with zipfile.ZipFile(tmp_path / "evil.zip", "w") as content:
        member = zipfile.ZipInfo("x")
        member.filename = name
        content.writestr(member, b"evil")
    require_refused(tmp_path / "evil.zip", temporary, "a path that leaves it")


def test_a_link_in_it(tmp_path: Path, temporary: Path) -> None:
    with zipfile.ZipFile(tmp_path / "evil.zip", "w") as content:
        member = zipfile.ZipInfo("model.onnx")
        member.external_attr = (stat.S_IFLNK | 0o777) << 16
        content.writestr(member, b"/etc/passwd")
    require_refused(tmp_path / "evil.zip", temporary, "a link or a device")


def test_a_file_that_is_there_twice(tmp_path: Path, temporary: Path) -> None:
    for names in (("manifest.json", "manifest.json"), ("a", "a/b")):
        with zipfile.ZipFile(tmp_path / "evil.zip", "w") as content:
            for name in names:
                with mock.patch("warnings.warn"):
                    content.writestr(name, b"{}")
        require_refused(tmp_path / "evil.zip", temporary, "twice")


def test_a_bomb(tmp_path: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "_FREE", 1 << 20)
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as content:
        content.writestr("manifest.json", bytes(3 << 20))
    written = []
    monkeypatch.setattr(
        archive, "_copy", lambda *given, real=archive._copy: written.append(real(*given)) or written[-1]
    )
    require_refused(tmp_path / "bomb.zip", temporary, "more than 1 MB when unpacked")
    assert max(written) <= 2 << 20  # it stopped where it was too much
    monkeypatch.setattr(archive, "MAX_FILES", 3)
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w") as content:
        for number in range(4):
            content.writestr(str(number), b"")
    require_refused(tmp_path / "bomb.zip", temporary, "found 4 files")


def test_a_header_that_lies_about_the_size(tmp_path: Path, temporary: Path) -> None:
    path = tmp_path / "lie.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as content:
        content.writestr("manifest.json", b"{}" * 500)
    path.write_bytes(path.read_bytes().replace((1000).to_bytes(4, "little"), (10).to_bytes(4, "little")))
    require_refused(path, temporary, "Bad CRC|damaged|cannot be unpacked")


def test_damage_anywhere(bundle: Path, tmp_path: Path, temporary: Path) -> None:
    """Cut off at many lengths, and one byte changed at many places: refused, or still the same bundle."""
    good = tmp_path / "good.zip"
    for compress in (False, True):
        pack(bundle, good, compress=compress)
        content = good.read_bytes()
        path = tmp_path / "bad.zip"
        for length in [0, 1, 30, 100, *range(200, len(content), len(content) // 4), len(content) - 1]:
            path.write_bytes(content[:length])
            require_refused(path, temporary, "cannot be unpacked|damaged|missing|manifest")
        refused = 0
        for place in range(0, len(content), len(content) // 15):
            changed = bytearray(content)
            changed[place] ^= 0x55
            path.write_bytes(changed)
            try:
                unpack(path, tmp_path / "maybe")
            except BundleError:
                refused += 1
            else:
                assert content_of(tmp_path / "maybe") == content_of(bundle)
                shutil.rmtree(tmp_path / "maybe")
        assert refused > 10
        path.unlink()


def test_an_encrypted_file(bundle: Path, tmp_path: Path, temporary: Path) -> None:
    path = tmp_path / "secret.zip"
    pack(bundle, path)
    content = bytearray(path.read_bytes())
    content[6] |= 1  # the flag of the first local header
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)
    require_refused(path, temporary, "password")


def test_it_is_packed_whole_or_not_at_all(bundle: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(bundle, tmp_path / "copy")
    (copy / "golden" / "00.png").unlink()
    with pytest.raises(BundleError, match="missing"):
        pack(copy, tmp_path / "a.zip")
    assert not (tmp_path / "a.zip").exists()
    pack(bundle, tmp_path / "a.zip")
    with pytest.raises(UsageError, match="already holds files"):
        unpack(tmp_path / "a.zip", copy)
    unpack(tmp_path / "a.zip", copy, overwrite=True)
    assert content_of(copy) == content_of(bundle)


def test_no_bundle_in_it(tmp_path: Path, temporary: Path) -> None:
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as content:
        content.writestr("readme.txt", b"hello")
    require_refused(tmp_path / "other.zip", temporary, r"other\.zip/manifest\.json: expected the manifest")
