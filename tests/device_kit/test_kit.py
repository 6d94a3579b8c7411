"""The kit: whole or not there, the same bundle, a unit and a container file that say what they have to."""

from __future__ import annotations

import configparser
import hashlib
import importlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.bundles import change_manifest, toy_bundle

from yolo_tl.api.deploying import deploy
from yolo_tl.device_kit import Deployment, make_kit
from yolo_tl.edge.archive import pack
from yolo_tl.edge.manifest import files_of
from yolo_tl.errors import BundleError, ConfigError, UsageError, WriteError
from yolo_tl.inspection.loading import load_rules

CURRENT = "/opt/yolo-tl/current"
PLACES = {
    "serve": {"rules": "default"},
    "bare": {},
    "camera": {"source": "camera:0?fps=30", "rules": "once"},
    "folder": {"source": "watch:/srv/in", "rules": "default"},
    "network": {"source": "rtsp://user:p%40ss$word@10.0.0.7/a b", "rules": "default"},
}


@pytest.fixture(scope="module")
def kits(bundle: Path, wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Deployment]:
    folder = tmp_path_factory.mktemp("kits")
    return {name: deploy(bundle, folder / name, wheel=wheel, **given) for name, given in PLACES.items()}  # type: ignore[arg-type]


def unit(kit: Deployment) -> configparser.SectionProxy:
    parser = configparser.RawConfigParser(strict=True)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(kit.path / "yolo-tl.service")
    assert set(parser.sections()) == {"Unit", "Service", "Install"}
    return parser["Service"]


def instructions(kit: Deployment) -> dict[str, list[str]]:
    """Keyword of a Dockerfile → what follows, lines joined."""
    found: dict[str, list[str]] = {}
    text = re.sub(r"\\\n", " ", (kit.path / "Dockerfile").read_text(encoding="utf-8"))
    for line in text.splitlines():
        if line and not line.startswith("#"):
            keyword, _, rest = line.partition(" ")
            found.setdefault(keyword, []).append(rest)
    return found


def parses(words: list[str]) -> dict[str, Any]:
    """The parameters that a command of ours makes of the words after ``yolo-tl``."""
    command = importlib.import_module(f"yolo_tl.cli.{words[0]}").command
    parameters: dict[str, Any] = command.make_context(words[0], words[1:]).params
    return parameters


def expanded(text: str, **variables: str) -> list[str]:
    """A command line as systemd makes it: ``${A}`` is one word, ``$A`` is split and may be nothing."""
    words: list[str] = []
    for word in text.split():
        if match := re.fullmatch(r"\$\{(\w+)\}", word):
            words.append(variables[match[1]])
        elif match := re.fullmatch(r"\$(\w+)", word):
            words += variables.get(match[1], "").split()
        else:
            words.append(word)
    return words


def settings(kit: Deployment) -> dict[str, str]:
    lines = (kit.path / "yolo-tl.env").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def test_every_file_is_there_and_is_what_the_sums_say(kits: dict[str, Deployment], bundle: Path) -> None:
    for kit in kits.values():
        listed = dict(reversed(line.split("  ")) for line in (kit.path / "SHA256SUMS").read_text().splitlines())
        found = {p.relative_to(kit.path).as_posix() for p in kit.path.rglob("*") if p.is_file()}
        assert found == {*listed, "SHA256SUMS", "yolo-tl.env"}
        for name, digest in listed.items():
            assert hashlib.sha256((kit.path / name).read_bytes()).hexdigest() == digest
        for name in ["manifest.json", *files_of(bundle)]:
            assert (kit.path / "bundle" / name).read_bytes() == (bundle / name).read_bytes()
        assert os.access(kit.path / "install.sh", os.X_OK)
        assert (kit.path / "yolo-tl.env").stat().st_mode & 0o077 == 0, "it may hold a password"


def test_the_unit_is_one_that_systemd_takes(kits: dict[str, Deployment]) -> None:
    for name, kit in kits.items():
        service = unit(kit)
        assert service["ExecStartPre"] == f"{CURRENT}/venv/bin/yolo-tl selftest --quiet --repeat 0 {CURRENT}/bundle"
        assert (service["Restart"], service["DynamicUser"], service["ProtectSystem"]) == ("always", "yes", "strict")
        assert ("PrivateDevices" in service) is (name != "camera")
        assert ("video" in service.get("SupplementaryGroups", "")) is (name == "camera")
        if shutil.which("systemd-analyze"):
            verify = ["systemd-analyze", "verify", str(kit.path / "yolo-tl.service")]
            done = subprocess.run(verify, capture_output=True, text=True, check=False)
            said = [line for line in done.stderr.splitlines() if "is not executable" not in line]
            assert said == []


def test_a_unit_and_a_container_run_commands_that_exist(kits: dict[str, Deployment]) -> None:
    for name, kit in kits.items():
        given = settings(kit)
        start = expanded(unit(kit)["ExecStart"], **given, OPTIONS="--threads 2")
        assert start.pop(0) == f"{CURRENT}/venv/bin/yolo-tl"
        shell = json.loads(instructions(kit)["CMD"][0])
        assert shell[:2] == ["sh", "-c"]
        script = shell[2].removeprefix("exec yolo-tl ").removesuffix(" >/dev/null")
        inside = subprocess.run(
            ["sh", "-c", f'for word in {script}; do printf "%s\\n" "$word"; done'],
            env={**given, "OPTIONS": "--threads 2"},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.splitlines()
        assert "exec yolo-tl " in shell[2]
        for words, place in ((start, CURRENT), (inside, ".")):
            assert words[0] == kit.target
            found = parses(words)
            assert found["bundle"] == f"{place}/bundle"
            assert found["rules"] == (None if name == "bare" else f"{place}/rules.yaml")
            assert found["threads"] == 2
            if kit.target == "inspect":
                assert found["source"] == PLACES[name]["source"]
        assert parses(inside).get("host", "0.0.0.0") == "0.0.0.0"
        assert parses(start).get("host", "127.0.0.1") == "127.0.0.1"


def test_the_container_file_is_one_that_is_safe_to_run(kits: dict[str, Deployment]) -> None:
    for kit in kits.values():
        said = instructions(kit)
        assert next(iter(said)) == "FROM"
        assert set(said) <= {
            *("FROM", "ENV", "RUN", "WORKDIR", "COPY", "USER", "VOLUME", "STOPSIGNAL", "EXPOSE", "HEALTHCHECK", "CMD")
        }
        assert said["FROM"] == [f"python:{sys.version_info[0]}.{sys.version_info[1]}-slim"]
        assert said["USER"] == ["yolo-tl"]
        for copy in said["COPY"]:
            for name in copy.split()[:-1]:
                assert (kit.path / name).exists(), name
        assert any("selftest" in run for run in said["RUN"]), "a damaged bundle must not become an image"
        assert "--no-deps" in "".join(said["RUN"])
        test = json.loads(said["HEALTHCHECK"][0].partition("CMD ")[2])
        assert "/healthz" in test[2] if kit.target == "serve" else test[:2] == ["yolo-tl", "selftest"]
        if test[0] == "python":
            compile(test[2], "healthcheck", "exec")


def test_the_instructions_open_what_the_source_needs_and_no_more(kits: dict[str, Deployment]) -> None:
    told = {name: (kit.path / "README.md").read_text(encoding="utf-8") for name, kit in kits.items()}
    for needle, names in {
        "--device /dev/video0": {"camera"},
        "-v '/srv/in:/srv/in:ro'": {"folder"},
        "-p 127.0.0.1:8000:8000": {"serve", "bare"},
        "--gpus": set(),
        "--read-only": set(PLACES),
    }.items():
        assert {name for name, text in told.items() if needle in text} == names, needle


def test_rules_are_written_out_and_mean_the_same(kits: dict[str, Deployment]) -> None:
    for name, kit in kits.items():
        if name == "bare":
            assert not (kit.path / "rules.yaml").exists()
            continue
        rules = load_rules(kit.path / "rules.yaml")
        assert rules.sha256 == kit.rules == load_rules(str(PLACES[name]["rules"])).sha256
        assert "extends" not in yaml.safe_load((kit.path / "rules.yaml").read_text())


def test_an_archive_makes_the_same_kit(bundle: Path, wheel: Path, kits: dict[str, Deployment], tmp_path: Path) -> None:
    pack(bundle, tmp_path / "bundle.zip")
    kit = deploy(tmp_path / "bundle.zip", tmp_path / "kit", wheel=wheel)
    assert (kit.path / "SHA256SUMS").read_text() == (kits["bare"].path / "SHA256SUMS").read_text()


@pytest.mark.parametrize("archived", [False, True])
def test_a_damaged_bundle_makes_no_kit(bundle: Path, wheel: Path, tmp_path: Path, archived: bool) -> None:
    damaged = shutil.copytree(bundle, tmp_path / "damaged")
    if archived:
        pack(damaged, tmp_path / "damaged.zip")
        content = bytearray((tmp_path / "damaged.zip").read_bytes())
        content[len(content) // 2] ^= 1
        (tmp_path / "damaged.zip").write_bytes(content)
        damaged = tmp_path / "damaged.zip"
    else:
        with (damaged / "model.onnx").open("r+b") as stream:
            stream.seek(1000)
            stream.write(b"\0")
    with pytest.raises(BundleError) as caught:
        deploy(damaged, tmp_path / "kit", wheel=wheel)
    assert caught.value.message.startswith(str(damaged))
    assert [path.name for path in tmp_path.iterdir() if "kit" in path.name] == []


def test_a_bundle_that_is_damaged_on_the_way_makes_no_kit(
    bundle: Path, wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def badly(source: Path, target: Path) -> None:
        Path(target).write_bytes(Path(source).read_bytes()[:-1] + b"?")

    monkeypatch.setattr(shutil, "copyfile", badly)
    with pytest.raises(BundleError):
        deploy(bundle, tmp_path / "kit", wheel=wheel)
    assert list(tmp_path.iterdir()) == []


def test_what_was_there_stays_unless_it_is_to_be_replaced(bundle: Path, wheel: Path, tmp_path: Path) -> None:
    out = tmp_path / "kit"
    out.mkdir()
    (out / "notes").write_text("mine")
    with pytest.raises(UsageError, match="already holds files"):
        deploy(bundle, out, wheel=wheel)
    with pytest.raises(UsageError, match="expected a wheel"):
        deploy(bundle, out, wheel=__file__, overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["kit"]
    assert (out / "notes").read_text() == "mine"
    deploy(bundle, out, wheel=wheel, overwrite=True)
    assert not (out / "notes").exists()


def test_a_full_disk_leaves_nothing(bundle: Path, wheel: Path, tmp_path: Path) -> None:
    code = """
import resource, signal, sys
from yolo_tl.api.deploying import deploy
from yolo_tl.errors import WriteError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
for room in (500, 20_000, 300_000):
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))
    try:
        deploy(sys.argv[1], sys.argv[2], wheel=sys.argv[3])
    except WriteError:
        print("refused")
"""
    command = [sys.executable, "-c", code, str(bundle), str(tmp_path / "kit"), str(wheel)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["refused"] * 3, done.stderr
    assert list(tmp_path.iterdir()) == []


REFUSED: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"target": "inspect"}, UsageError, "source and rules"),
    ({"source": "camera:0"}, UsageError, "source and rules"),
    ({"target": "serve", "source": "camera:0"}, UsageError, "no source"),
    ({"source": "clip.mp4", "rules": "default"}, UsageError, "goes on"),
    ({"source": "camera:0\nExecStart=evil", "rules": "default"}, UsageError, "expected a source"),
    ({"source": "--help", "rules": "default"}, UsageError, "expected a source"),
    ({"source": "gopher://x", "rules": "default"}, UsageError, "gopher"),
    ({"rules": "sequence"}, ConfigError, "k_of_n"),
]


@pytest.mark.parametrize(("given", "kind", "match"), REFUSED)
def test_requests_that_mean_nothing_are_refused(
    bundle: Path, wheel: Path, tmp_path: Path, given: dict[str, Any], kind: type[Exception], match: str
) -> None:
    with pytest.raises(kind, match=match):
        deploy(bundle, tmp_path / "kit", wheel=wheel, **given)
    assert not (tmp_path / "kit").exists()


def test_rules_have_to_fit_the_bundle(bundle: Path, wheel: Path, tmp_path: Path) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text("rules:\n  - name: few\n    classes: [klass 1]\n    max: 1\n")
    with pytest.raises(ConfigError, match="class 1"):
        deploy(bundle, tmp_path / "kit", wheel=wheel, rules=rules)


def test_a_kit_never_overlaps_with_the_bundle(bundle: Path, wheel: Path, tmp_path: Path) -> None:
    own = shutil.copytree(bundle, tmp_path / "all" / "bundle")
    for out in (own, own / "kit", own.parent):
        with pytest.raises(UsageError, match="apart from the bundle"):
            deploy(own, out, wheel=wheel, overwrite=True)
    assert (own / "model.onnx").is_file()


def test_only_a_bundle_that_a_device_can_run_is_taken(bundle: Path, wheel: Path, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="expected a bundle"):
        deploy(bundle / "model.onnx", tmp_path / "kit", wheel=wheel)
    foreign = toy_bundle(tmp_path / "foreign", golden=False)
    change_manifest(foreign, lambda content: content.update(format="coreml"))
    with pytest.raises(BundleError, match="coreml"):
        deploy(foreign, tmp_path / "kit", wheel=wheel)


def test_a_read_only_place_is_a_write_error(bundle: Path, wheel: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(WriteError):
        make_kit(bundle, tmp_path / "file" / "kit", target="serve", wheel=wheel)


@pytest.fixture(scope="module")
def venv(kits: dict[str, Deployment], wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with exactly what the requirements list, linked from here, and the wheel: no torch, no index."""
    folder = tmp_path_factory.mktemp("device") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    (site,) = folder.glob("lib/python*/site-packages")
    lines = (kits["serve"].path / "requirements.txt").read_text().splitlines()
    for line in lines:
        if line.startswith("#"):
            continue
        name = line.partition("==")[0]
        try:
            distribution = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            distribution = metadata.distribution(name.removesuffix("-headless"))
        for top in {file.parts[0] for file in distribution.files or []} - {".."}:
            if not (site / top).exists():
                (site / top).symlink_to(Path(str(distribution.locate_file(top))))
    shutil.unpack_archive(wheel, site, "zip")
    return folder


def test_the_requirements_are_enough_for_what_the_unit_runs(kits: dict[str, Deployment], venv: Path) -> None:
    kit = kits["serve"]
    python = str(venv / "bin" / "python")
    code = """
import sys
from importlib import import_module
verb = sys.argv.pop(1)
try:
    import_module(f"yolo_tl.cli.{verb}").command(sys.argv[1:], standalone_mode=False)
finally:
    assert "torch" not in sys.modules
"""
    before = unit(kit)["ExecStartPre"].replace(CURRENT, str(kit.path)).split()[1:]
    environment = {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [python, "-I", "-c", code, *before], capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "passed" in done.stdout
    start = expanded(unit(kit)["ExecStart"].replace(CURRENT, str(kit.path)), OPTIONS="--port 0 --json")[1:]
    server = subprocess.Popen(
        [python, "-I", "-c", code, *start], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )
    try:
        assert server.stdout is not None
        line = server.stdout.readline()
        assert line, server.communicate()[1]
        url = json.loads(line)["url"]
        test = json.loads(instructions(kit)["HEALTHCHECK"][0].partition("CMD ")[2])[2]
        alive = test.replace("http://127.0.0.1:8000", url)
        assert alive != test
        subprocess.run([python, "-I", "-c", alive], check=True)
    finally:
        server.terminate()
        server.communicate(timeout=60)


@pytest.mark.slow
def test_the_kit_installs_itself_from_wheels_alone(kits: dict[str, Deployment], tmp_path: Path) -> None:
    kit = shutil.copytree(kits["camera"].path, tmp_path / "a kit")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
    lines = (kit / "README.md").read_text(encoding="utf-8")
    download = shlex.split(re.search(r"`pip (download [^`]*)`", lines)[1])  # type: ignore[index]
    subprocess.run([*pip, *download], cwd=kit, check=True)
    environment = {**os.environ, "PYTHON": sys.executable}
    done = subprocess.run([kit / "install.sh"], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("passed\n")
    found = (kit / "venv").glob("lib/python*/site-packages/*.dist-info")
    names = {path.name.partition("-")[0].replace("_", "-").lower() for path in found}
    assert {"yolo-tl", "onnxruntime"} <= names
    assert not names & {"torch", "ultralytics", "opencv-python"}
    with (kit / "bundle" / "model.onnx").open("ab") as stream:
        stream.write(b"x")
    done = subprocess.run([kit / "install.sh"], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode != 0
    assert "model.onnx" in done.stdout + done.stderr
