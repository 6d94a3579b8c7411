"""Who made a bundle: signatures by the right key, by another, and none."""

from __future__ import annotations

import shutil
import stat
import subprocess
from pathlib import Path

import pytest
from support.bundles import change_manifest, rehash, toy_bundle

from yolo_tl.edge.archive import pack, unpack
from yolo_tl.edge.manifest import SIGNATURE, Manifest
from yolo_tl.edge.signature import make_keys, require_signed, sign
from yolo_tl.errors import BundleError, MissingExtra, UsageError

pytest.importorskip("cryptography")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return toy_bundle(tmp_path_factory.mktemp("made") / "bundle", golden=False)


@pytest.fixture
def bundle(made: Path, tmp_path: Path) -> Path:
    return shutil.copytree(made, tmp_path / "bundle")


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return make_keys(tmp_path_factory.mktemp("keys"))


def test_a_signed_bundle_is_the_owners_until_it_changes(bundle: Path, keys: tuple[Path, Path], tmp_path: Path) -> None:
    private, public = keys
    with pytest.raises(BundleError, match=r"expected a signature, but manifest\.json\.sig cannot be read"):
        require_signed(bundle, public)
    sign(bundle, private)
    require_signed(bundle, public)
    Manifest.read(bundle)  # the signature is no extra file
    pack(bundle, tmp_path / "a.zip")
    unpack(tmp_path / "a.zip", tmp_path / "again")
    require_signed(tmp_path / "again", public)
    (bundle / "model.onnx").write_bytes(b"another")
    rehash(bundle)
    with pytest.raises(BundleError, match="not by the owner"):
        require_signed(bundle, public)
    with pytest.raises(BundleError, match="manifest.json cannot be read"):
        (tmp_path / "again" / "manifest.json").unlink()
        require_signed(tmp_path / "again", public)


def test_another_key_and_a_damaged_signature(bundle: Path, keys: tuple[Path, Path], tmp_path: Path) -> None:
    private, public = keys
    _, other = make_keys(tmp_path / "other")
    sign(bundle, private)
    with pytest.raises(BundleError, match="not by the owner"):
        require_signed(bundle, other)
    good = (bundle / SIGNATURE).read_bytes()
    assert len(good) == 64
    for bad in (b"", good[:-1], good + b"\0", bytes([good[0] ^ 1, *good[1:]])):
        (bundle / SIGNATURE).write_bytes(bad)
        with pytest.raises(BundleError, match="not by the owner"):
            require_signed(bundle, public)
    change_manifest(bundle, lambda content: content.update(licence="mine"))
    sign(bundle, private)
    require_signed(bundle, public)


def test_a_damaged_bundle_is_not_signed(bundle: Path, keys: tuple[Path, Path]) -> None:
    (bundle / "model.onnx").write_bytes(b"another")
    with pytest.raises(BundleError, match="changed"):
        sign(bundle, keys[0])
    assert not (bundle / SIGNATURE).exists()


def test_keys(keys: tuple[Path, Path], bundle: Path, tmp_path: Path) -> None:
    private, public = keys
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    with pytest.raises(UsageError, match=r"private\.pem: there is a key already"):
        make_keys(private.parent)
    (tmp_path / "garbage.pem").write_bytes(b"\x00key")
    for wrong in (public, tmp_path / "none.pem", tmp_path / "garbage.pem"):
        with pytest.raises(UsageError, match="expected a private"):
            sign(bundle, wrong)
    for wrong in (private, tmp_path / "none.pem", tmp_path / "garbage.pem"):
        with pytest.raises(UsageError, match="expected a public"):
            require_signed(bundle, wrong)


def openssl(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True, check=False)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_openssl_makes_and_checks_the_same(bundle: Path, keys: tuple[Path, Path], tmp_path: Path) -> None:
    private, public = keys
    sign(bundle, private)
    files = ["-in", bundle / "manifest.json", "-sigfile", bundle / SIGNATURE]
    assert openssl("pkeyutl", "-verify", "-pubin", "-inkey", public, "-rawin", *files).returncode == 0
    theirs = tmp_path / "theirs.pem"
    assert openssl("genpkey", "-algorithm", "ed25519", "-out", theirs).returncode == 0
    assert openssl("pkey", "-in", theirs, "-pubout", "-out", tmp_path / "theirs.pub").returncode == 0
    sign(bundle, theirs)
    require_signed(bundle, tmp_path / "theirs.pub")
    assert openssl("genpkey", "-algorithm", "x25519", "-out", tmp_path / "x.pem").returncode == 0
    with pytest.raises(UsageError, match="found another kind"):
        sign(bundle, tmp_path / "x.pem")


def test_what_is_missing_is_named(bundle: Path, keys: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "cryptography.hazmat.primitives", None)
    with pytest.raises(MissingExtra, match=r"yolo-tl\[sign\]"):
        require_signed(bundle, keys[1])
