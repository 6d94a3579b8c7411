"""The commands around a bundle: diff, pack, sign, keys, and the self-test."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from support.bundles import change_manifest, rehash, toy_bundle

from yolo_tl.cli import bundle as bundle_command
from yolo_tl.cli import selftest as selftest_command
from yolo_tl.errors import BundleError, ParityError, UsageError


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return toy_bundle(tmp_path_factory.mktemp("made") / "bundle")


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    return shutil.copytree(made, tmp_path / "bundle")


def bundle(*arguments: object) -> Result:
    return CliRunner().invoke(bundle_command.command, [str(argument) for argument in arguments])


def selftest(*arguments: object) -> Result:
    options = ["--threads", "1", "--repeat", "1"]
    return CliRunner().invoke(selftest_command.command, [*map(str, arguments), *options])


def test_diff_exits_like_diff(made: Path, folder: Path) -> None:
    same = bundle("diff", made, folder)
    assert (same.exit_code, same.stdout) == (0, "the same\n")
    change_manifest(folder, lambda content: content["thresholds"].update(confidence=0.123456789))
    change_manifest(folder, lambda content: content.update(licence="a licence " * 10))
    done = bundle("diff", made, folder)
    assert done.exit_code == 1
    lines = [line.split() for line in done.stdout.splitlines()]
    assert ["thresholds.confidence", "0.9", "0.123457"] in lines
    assert any(line[0] == "licence" and line[-1].endswith("...") for line in lines if line)
    done = bundle("diff", made, folder, "--json")
    assert done.exit_code == 1
    content = json.loads(done.stdout)
    assert content["same"] is False
    assert [change["section"] for change in content["changes"]] == ["thresholds", "licence"]
    assert isinstance(bundle("diff", made, folder / "nothing").exception, BundleError)


def test_packed_signed_and_tested(folder: Path, tmp_path: Path) -> None:
    keys = bundle("keys", tmp_path / "keys")
    assert "keep it secret" in keys.stdout
    packed = tmp_path / "bundle.zip"
    assert bundle("pack", folder, packed).stdout == f"{packed}\n"
    public = ["--public-key", tmp_path / "keys" / "public.pem"]
    assert isinstance(selftest(packed, *public).exception, BundleError)
    done = bundle("sign", packed, "--key", tmp_path / "keys" / "private.pem")
    assert done.stdout == f"{packed} is signed\n"
    done = selftest(packed, *public)
    assert done.exception is None
    assert done.stdout.endswith("passed\n")
    assert "numpy" in done.stdout
    assert bundle("sign", folder, "--key", tmp_path / "keys" / "private.pem").exit_code == 0
    again = tmp_path / "again.zip"
    assert bundle("pack", folder, again, "--compress").exit_code == 0
    assert again.stat().st_size < packed.stat().st_size
    assert bundle("pack", folder, again).exit_code == 0
    assert again.read_bytes() == packed.read_bytes()


def test_places_that_no_bundle_goes_to(folder: Path) -> None:
    assert isinstance(bundle("pack", folder, folder.parent / "bundle.tar").exception, UsageError)
    assert isinstance(bundle("pack", folder, folder / "inside.zip").exception, UsageError)
    assert isinstance(bundle("pack", folder / "golden", folder.parent / "x.zip").exception, BundleError)


def test_a_failed_self_test_still_says_all_it_found(folder: Path, tmp_path: Path) -> None:
    other = toy_bundle(tmp_path / "other", seed=1, golden=False)
    shutil.copy(other / "model.onnx", folder / "model.onnx")
    done = selftest(folder, "--json")
    assert isinstance(done.exception, BundleError)
    assert json.loads(done.stdout)["exit_code"] == 6
    rehash(folder)
    done = selftest(folder)
    assert isinstance(done.exception, ParityError)
    assert done.stdout.endswith("FAILED\n")
    assert "golden" in done.stdout
