"""``yolo-tl deploy``: options, what it says, what it refuses."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from support.bundles import toy_bundle

from yolo_tl import __version__
from yolo_tl.cli.deploy import command
from yolo_tl.errors import UsageError


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return toy_bundle(tmp_path_factory.mktemp("made") / "bundle", golden=False)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As good as one: what is in it does not matter here."""
    path = tmp_path_factory.mktemp("wheel") / "any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"yolo_tl-{__version__}.dist-info/METADATA", "")
    return path


def deploy(*arguments: object) -> Result:
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


def test_it_says_where_the_kit_is_and_what_comes_next(bundle: Path, wheel: Path, tmp_path: Path) -> None:
    done = deploy(bundle, "--to", tmp_path / "kit", "--wheel", wheel)
    assert done.exit_code == 0, done.exception
    assert "answers HTTP requests" in done.stdout
    assert "onnxruntime==" in done.stdout
    assert "kit/install.sh" in done.stdout


def test_json_is_one_object(bundle: Path, wheel: Path, tmp_path: Path) -> None:
    camera = ["--inspect", "--source", "camera:0", "--rules", "default"]
    done = deploy(bundle, "--to", tmp_path / "kit", "--wheel", wheel, *camera, "--json")
    made = json.loads(done.stdout)
    assert (made["target"], made["source"], made["format"]) == ("inspect", "camera:0", "onnx")
    assert set(made["files"]) == {path.name for path in (tmp_path / "kit").iterdir() if path.is_file()}
    assert not any("fastapi" in line for line in made["requirements"]), "an inspection answers no requests"


def test_it_replaces_only_when_asked(bundle: Path, wheel: Path, tmp_path: Path) -> None:
    where = ["--to", tmp_path / "kit", "--wheel", wheel]
    assert deploy(bundle, *where).exit_code == 0
    assert isinstance(deploy(bundle, *where).exception, UsageError)
    assert deploy(bundle, *where, "--overwrite").exit_code == 0
    assert deploy(bundle).exit_code == 2
