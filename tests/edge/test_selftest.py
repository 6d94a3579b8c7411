"""The self-test on the device: what it finds, in which order, and without torch."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.bundles import ONE, change_manifest, rehash, toy_bundle

from yolo_tl.edge.archive import pack
from yolo_tl.edge.selftest import SelfTest, latency, selftest
from yolo_tl.edge.signature import make_keys, sign
from yolo_tl.errors import BundleError, ParityError, UsageError

CODE = """
import sys
from importlib.abc import MetaPathFinder

BLOCKED = {"torch", "torchvision", "ultralytics", "onnx", "matplotlib", "polars", "pandas", "scipy", "PIL"}

class Wall(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in BLOCKED:
            raise ModuleNotFoundError(f"{name} is walled off", name=name)

sys.meta_path.insert(0, Wall())
from yolo_tl.cli.selftest import command
from yolo_tl.errors import YoloTLError
try:
    command(sys.argv[1:], standalone_mode=False)
except YoloTLError as error:
    sys.exit(error.exit_code)
finally:
    assert not BLOCKED & {name.partition(".")[0] for name in sys.modules}
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return toy_bundle(tmp_path_factory.mktemp("made") / "bundle")


@pytest.fixture
def bundle(made: Path, tmp_path: Path) -> Path:
    return shutil.copytree(made, tmp_path / "bundle")


def states(result: SelfTest) -> dict[str, str]:
    return {step.name: step.state for step in result.steps}


def test_a_good_bundle_passes(bundle: Path, tmp_path: Path) -> None:
    pack(bundle, tmp_path / "bundle.zip")
    for path in (bundle, tmp_path / "bundle.zip"):
        result = selftest(path, options=ONE, repeat=2)
        result.require_passed()
        expected = {"signature": "skipped", "files": "passed", "model": "passed", "golden": "passed"}
        assert states(result) == {**expected, "latency": "passed"}
        assert result.latency is not None
        assert result.latency.runs == 8
        assert 0 < result.latency.p50 <= result.latency.p95 <= result.latency.p99
        content = json.loads(json.dumps(result.to_json()))
        assert content["exit_code"] == 0
        assert content["bundle"] == str(path)
        assert content["golden"]["deviation"]["unmatched"] == 0
        assert content["environment"]["packages"]["numpy"]["here"]


def test_the_environment_stands_beside_that_of_the_maker(bundle: Path) -> None:
    def elsewhere(content: dict[str, object]) -> None:
        content["versions"] = {"python": "2.7", "packages": {"numpy": "0.1", "tensorrt": "10.0", "torch": "2"}}
        content["hardware"] = {"flags": ["avx", "amx_of_tomorrow"]}

    change_manifest(bundle, elsewhere)
    result = selftest(bundle, options=ONE, repeat=0)
    assert result.passed
    assert states(result)["latency"] == "skipped"
    assert result.environment is not None
    assert result.environment.packages["tensorrt"][0] == "10.0"
    assert "torch" not in result.environment.packages
    notes = " ".join(result.environment.notes)
    assert "numpy 0.1 there" in notes
    assert not result.environment.machine["flags"] or "amx_of_tomorrow" in notes


def test_what_a_manifest_may_say_is_no_trouble(bundle: Path) -> None:
    change_manifest(bundle, lambda c: c.update(versions={"packages": ["numpy"]}, hardware={"flags": "all"}))
    assert selftest(bundle, options=ONE, repeat=0).passed


def test_the_first_failure_ends_it(bundle: Path, tmp_path: Path) -> None:
    private, public = make_keys(tmp_path / "keys")
    unsigned = selftest(bundle, options=ONE, public_key=public)
    assert states(unsigned) == {"signature": "failed"}
    with pytest.raises(BundleError, match="expected a signature"):
        unsigned.require_passed()
    sign(bundle, private)
    assert states(selftest(bundle, options=ONE, public_key=public, repeat=0))["signature"] == "passed"
    path = bundle / "model.onnx"
    good = path.read_bytes()
    path.write_bytes(good[:-50])
    damaged = selftest(bundle, options=ONE, public_key=public)
    assert states(damaged) == {"signature": "passed", "files": "failed"}
    assert damaged.to_json()["exit_code"] == 6
    rehash(bundle)
    broken = selftest(bundle, options=ONE)
    assert states(broken) == {"signature": "skipped", "files": "passed", "model": "failed"}
    assert broken.to_json()["exit_code"] == 6
    assert states(selftest(bundle, options=ONE, public_key=public)) == {"signature": "failed"}
    with pytest.raises(UsageError, match="expected a public key"):
        selftest(bundle, options=ONE, public_key=tmp_path / "none.pem")
    assert states(selftest(tmp_path / "nothing", options=ONE))["files"] == "failed"


def test_a_model_that_finds_something_else_fails_with_its_own_code(bundle: Path) -> None:
    other = toy_bundle(bundle.parent / "other", seed=1, golden=False)
    shutil.copy(other / "model.onnx", bundle / "model.onnx")
    rehash(bundle)
    result = selftest(bundle, options=ONE)
    assert states(result) == {"signature": "skipped", "files": "passed", "model": "passed", "golden": "failed"}
    assert result.to_json()["exit_code"] == 5
    assert result.golden is not None
    assert not result.golden.passed
    with pytest.raises(ParityError, match="the golden set comes out differently here"):
        result.require_passed()


def test_an_archive_that_is_damaged(tmp_path: Path) -> None:
    (tmp_path / "bundle.zip").write_bytes(b"PK")
    result = selftest(tmp_path / "bundle.zip", options=ONE)
    assert states(result) == {"files": "failed"}
    assert result.to_json()["exit_code"] == 6


def test_without_a_golden_set_it_is_still_timed(tmp_path: Path) -> None:
    result = selftest(toy_bundle(tmp_path / "bundle", golden=False), options=ONE, repeat=3)
    assert result.passed
    assert states(result)["golden"] == "skipped"
    assert result.latency is not None
    assert result.latency.runs == 3


def test_latency_counts_every_run_but_those_that_warm_up() -> None:
    calls: list[int] = []
    found = latency(calls.append, 5)
    assert calls == [0, 1, 2, 0, 1, 2, 3, 4]
    assert found.runs == 5


@pytest.mark.parametrize(("seed", "code"), [(0, 0), (1, 5)])
def test_it_needs_neither_torch_nor_ultralytics(tmp_path: Path, made: Path, seed: int, code: int) -> None:
    bundle = shutil.copytree(made, tmp_path / "bundle")
    if seed:
        shutil.copy(toy_bundle(tmp_path / "other", seed=1, golden=False) / "model.onnx", bundle / "model.onnx")
        rehash(bundle)
    private, public = make_keys(tmp_path / "keys")
    sign(bundle, private)
    options = ["--public-key", public, "--threads", "1", "--repeat", "1", "--json"]
    done = subprocess.run(
        [sys.executable, "-c", CODE, bundle, *map(str, options)], capture_output=True, text=True, check=False
    )
    assert done.returncode == code, done.stderr
    content = json.loads(done.stdout)
    assert content["exit_code"] == code
    assert content["memory_mb"]["peak"] is None or content["memory_mb"]["peak"] < 400
