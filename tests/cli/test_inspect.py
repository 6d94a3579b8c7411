from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from support.bundles import draw_pictures, toy_bundle

from yolo_tl.api import inspecting
from yolo_tl.cli.inspect import command as inspect
from yolo_tl.cli.replay import command as replay
from yolo_tl.errors import DataNotFound, UsageError

ROOT = Path(__file__).resolve().parents[2]
FEW = "rules:\n  - {name: few, classes: [class 0], max: 36}\n"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle, pictures that pass, fail and cannot be read, and rules."""
    folder = tmp_path_factory.mktemp("inspect")
    toy_bundle(folder / "bundle", golden=False)
    draw_pictures(folder / "pictures", 9)[-1].write_bytes(b"no picture")
    (folder / "few.yaml").write_text(FEW)
    return folder


def run(command: Any, *arguments: object) -> Result:
    return CliRunner().invoke(command, [str(a) for a in arguments], catch_exceptions=False)


def inspected(place: Path, *arguments: object) -> Result:
    given = [place / "bundle", place / "pictures", "--rules", place / "few.yaml", "--threads", 1]
    return run(inspect, *given, *arguments)


def test_a_line_a_decision_and_a_summary(place: Path, tmp_path: Path) -> None:
    done = inspected(place, "--log", tmp_path / "log", "--pictures", tmp_path / "log")
    said = done.stdout.splitlines()
    assert len(said) == 9
    assert said[0].startswith(f"PASS    {place / 'pictures' / '0.png'}: 34 class 0, ")
    assert said[1].startswith(f"FAIL    {place / 'pictures' / '1.png'}: few: 38 found")
    assert said[8] == f"UNKNOWN {place / 'pictures' / '8.png'}: what came is no picture"
    first, *rest = done.stderr.splitlines()
    assert first == "9 frames: PASS 4, FAIL 4, UNKNOWN 1"
    assert "not ok: unreadable 1" in rest
    assert "log: 9 delivered" in rest
    assert "pictures: 4 delivered" in rest
    assert done.exit_code == 0


def test_json_is_what_the_log_has(place: Path, tmp_path: Path) -> None:
    done = inspected(place, "--log", tmp_path, "--json", "--limit", 5)
    (file,) = tmp_path.glob("*.jsonl")
    assert [json.loads(line) for line in done.stdout.splitlines()] == [
        json.loads(line) for line in file.read_text().splitlines()[1:]
    ]
    assert len(done.stdout.splitlines()) == 5


@pytest.mark.parametrize(
    ("most", "code"), [("--set=rules=[{name: r, max: 0}]", 10), ("--set=rules=[{name: r, max: 300}]", 11), ("", 10)]
)
def test_exit_codes_for_scripts(place: Path, most: str, code: int) -> None:
    extra = [most] if most else []
    assert inspected(place, "--exit-code", *extra).exit_code == code
    assert inspected(place, *extra).exit_code == 0


def test_nothing_but_pass_is_zero(place: Path, tmp_path: Path) -> None:
    shutil.copy(place / "pictures" / "0.png", tmp_path / "0.png")
    given = [place / "bundle", tmp_path, "--rules", place / "few.yaml", "--threads", 1, "--exit-code"]
    assert run(inspect, *given).exit_code == 0


def test_pictures_larger_than_the_input_in_tiles(place: Path) -> None:
    whole, tiled = inspected(place), inspected(place, "--tiled", "--largest-object", 20)
    assert tiled.exit_code == 0
    assert len(tiled.stdout.splitlines()) == 9
    assert tiled.stdout != whole.stdout


def test_secrets_come_from_the_environment(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, Any] = {}

    def stop(*arguments: Any, **options: Any) -> None:
        given.update(options)
        raise UsageError("enough")

    monkeypatch.setattr("yolo_tl.api.inspecting.inspect", stop)
    monkeypatch.setenv("YOLO_TL_WEBHOOK_SECRET", "one")
    monkeypatch.setenv("YOLO_TL_MQTT_PASSWORD", "two")
    with pytest.raises(UsageError, match="enough"):
        inspected(place, "--picture-budget", 7, "--picture-verdict", "FAIL", "--picture-verdict", "UNKNOWN")
    assert (given["webhook_secret"], given["mqtt_password"]) == ("one", "two")
    assert given["picture_budget"] == 7_000_000
    assert given["picture_verdicts"] == ("FAIL", "UNKNOWN")


def test_a_log_decided_again(place: Path, tmp_path: Path) -> None:
    inspected(place, "--log", tmp_path)
    done = run(replay, tmp_path)
    assert (done.exit_code, done.stdout) == (0, "")
    assert done.stderr == "9 decisions: 9 the same, 0 different\n"
    done = run(replay, tmp_path, "--json")
    assert json.loads(done.stdout) == {"same": 9, "different": 0, "unsaid": 0, "gaps": [], "cut": []}
    assert run(replay, tmp_path, "--rules", place / "few.yaml").exit_code == 0


def test_other_rules_tell_what_would_change(place: Path, tmp_path: Path) -> None:
    inspected(place, "--log", tmp_path)
    (file,) = tmp_path.glob("*.jsonl")
    done = run(replay, tmp_path, "--rules", place / "few.yaml", "--set", "rules=[{name: none, max: 0}]")
    assert done.exit_code == 0
    assert done.stdout.count("PASS, now FAIL (none: ") == 4
    assert done.stdout.startswith(f"{file}:2: {place / 'pictures' / '0.png'}: PASS, now FAIL")
    assert done.stderr == "9 decisions: 5 the same, 4 different\n"


def test_a_log_that_was_changed_is_told(place: Path, tmp_path: Path) -> None:
    inspected(place, "--log", tmp_path)
    (file,) = tmp_path.glob("*.jsonl")
    lines = file.read_text().splitlines()
    changed = json.loads(lines[2])
    changed["verdict"] = "PASS"
    lines[2] = json.dumps(changed)
    del lines[5]
    file.write_text("\n".join([*lines, '{"verdict"']))
    done = run(replay, tmp_path, "--json")
    assert done.exit_code == 12
    row, total = [json.loads(line) for line in done.stdout.splitlines()]
    assert (row["place"], row["then"]["verdict"], row["now"]["verdict"]) == (f"{file}:3", "PASS", "FAIL")
    assert (total["different"], total["gaps"], total["cut"]) == (1, [f"{file}:6"], [f"{file}:10"])
    told = run(replay, tmp_path).stderr
    assert f"{file}:6: lines are missing before" in told
    assert f"{file}:10: the end of the file is cut off" in told


def test_requests_that_cannot_work(place: Path, tmp_path: Path) -> None:
    with pytest.raises(DataNotFound):
        run(replay, tmp_path / "nowhere")
    assert run(replay, tmp_path, "--set", "a=1").exit_code == 2
    assert inspected(place, "--picture-verdict", "GOOD").exit_code == 2


class Line:
    """A folder into which pictures come, and processes that inspect it."""

    def __init__(self, place: Path, folder: Path) -> None:
        self.place, self.watched, self.log = place, folder / "watched", folder / "log"
        self.watched.mkdir()
        self.started: list[subprocess.Popen[str]] = []

    def start(self, *arguments: object) -> subprocess.Popen[str]:
        """Begin to inspect, in a process of its own."""
        given = ["inspect", self.place / "bundle", f"watch:{self.watched}", "--rules", self.place / "few.yaml"]
        process = subprocess.Popen(
            [sys.executable, "-m", "yolo_tl", *map(str, [*given, "--threads", 1, "--log", self.log, *arguments])],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        self.started.append(process)
        return process

    def read(self, process: subprocess.Popen[str], count: int) -> list[str]:
        """So many lines of its output, while pictures come in."""
        enough = threading.Event()

        def feed() -> None:
            for number in range(600):
                shutil.copy(self.place / "pictures" / "0.png", self.watched / ".new")
                (self.watched / ".new").rename(self.watched / f"{number}.png")
                if enough.wait(0.1):
                    return

        feeder = threading.Thread(target=feed)
        feeder.start()
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(count)]
        enough.set()
        feeder.join()
        return lines

    def rest(self, process: subprocess.Popen[str]) -> tuple[str, str]:
        """What else it writes to stdout and stderr; `communicate` would miss lines that were read ahead."""
        assert process.stdout is not None
        assert process.stderr is not None
        limit = threading.Timer(60, process.kill)
        limit.start()
        written = process.stdout.read(), process.stderr.read()
        process.wait()
        limit.cancel()
        return written


@pytest.fixture
def line(place: Path, tmp_path: Path) -> Iterator[Line]:
    made = Line(place, tmp_path)
    yield made
    for process in made.started:
        process.kill()
        process.communicate()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_signals_end_it_in_order(line: Line, number: int, code: int) -> None:
    process = line.start()
    begun = line.read(process, 3)
    process.send_signal(number)
    out, err = line.rest(process)
    count = len([*begun, *out.splitlines()])
    assert process.returncode == code, err
    assert all(text.startswith("PASS") for text in begun)
    assert f" frames: PASS {count}, FAIL 0, UNKNOWN 0" in err
    assert f"log: {count} delivered" in err
    assert run(replay, line.log).stderr == f"{count} decisions: {count} the same, 0 different\n"


def test_a_kill_leaves_a_log_that_goes_on_and_replays(line: Line, place: Path) -> None:
    process = line.start("--log-sync", 0)
    line.read(process, 3)
    second = line.start()
    _, err = second.communicate(timeout=60)
    assert second.returncode == 6
    assert f"found process {process.pid} at it" in err
    process.kill()
    process.wait()
    (file,) = line.log.glob("*.jsonl")
    content = file.read_text()
    count = content.count("\n") - 1
    assert count >= 3
    file.write_text(content[: content.rindex("\n") + 1] + '{"verdict": "PASS", "rea')
    done = run(replay, line.log)
    assert done.exit_code == 0
    cut = f"{file}:{count + 2}: the end of the file is cut off"
    assert done.stderr == f"{count} decisions: {count} the same, 0 different\n{cut}\n"
    inspected(place, "--log", line.log)
    done = run(replay, line.log)
    assert (done.exit_code, done.stderr) == (0, f"{count + 9} decisions: {count + 9} the same, 0 different\n")
    assert file.with_suffix(".cut").read_text() == '{"verdict": "PASS", "rea'


def test_a_full_disk_stops_it_and_nothing_is_told_that_is_not_written(place: Path, tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    given = ["inspect", place / "bundle", place / "pictures", "--rules", place / "few.yaml", "--threads", 1]
    done = subprocess.run(
        [sys.executable, "-m", "yolo_tl", *map(str, [*given, "--log", tmp_path / "log"])],
        cwd=ROOT,
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000)),
        check=False,
    )
    assert done.returncode == 6
    assert "could not be written: File too large" in done.stderr
    written = run(replay, tmp_path / "log")
    count = len(done.stdout.splitlines())
    assert 0 < count < 9
    assert written.stderr == f"{count} decisions: {count} the same, 0 different\n"


def test_the_sinks_that_are_asked_for(place: Path, tmp_path: Path) -> None:
    inspector = inspecting.inspect(
        place / "bundle",
        place / "pictures",
        rules=place / "few.yaml",
        log=tmp_path / "log",
        log_budget=5000,
        pictures=tmp_path / "pictures",
        webhook="http://127.0.0.1:9/",
        mqtt="127.0.0.1:9/line",
        sinks=[print],
        threads=1,
    )
    sinks = inspector._recorder.sinks
    assert [sink.name for sink in sinks] == ["log", "pictures", "webhook", "mqtt", "callback"]
    assert [sink.required for sink in sinks] == [True, False, False, False, False]
    inspector.close()
    assert not (tmp_path / "log").exists()  # nothing is touched before it begins


def test_a_classifier_has_no_tiles(place: Path) -> None:
    class Named:
        task = "classify"
        artifact = type("Artifact", (), {"path": "classifier"})

    with pytest.raises(UsageError, match="finds boxes to look at tiles, found classify"):
        inspecting.inspect(Named(), [], rules=place / "few.yaml", tiled=True)  # type: ignore[arg-type]
