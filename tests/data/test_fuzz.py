"""Broken annotation files of every format: a clear error or a correct ledger, never a traceback or a hang.

``FUZZ_CASES`` sets the number of files for each format (default 25). Memory is limited in a
process of its own, because a limit cannot be taken back.
"""

from __future__ import annotations

import os
import random
import resource
import signal
import subprocess
import sys
import traceback
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from support.mutations import mutate
from support.sources import SOURCES

from yolo_tl.data import ReadOptions, convert
from yolo_tl.data.image_size import IMAGE_SUFFIXES
from yolo_tl.errors import YoloTLError

CASES = int(os.environ.get("FUZZ_CASES", "25"))
SECONDS = 20
MEMORY = 3 << 30
TASKS = ("detect", "segment", "obb", "pose", "classify")


@pytest.mark.parametrize("name", sorted(SOURCES))
def test_broken_files(name: str) -> None:
    command = [sys.executable, __file__, name, str(CASES)]
    folders = [str(Path(__file__).parents[1]), str(Path(__file__).parents[2])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(folders)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert f"{CASES} cases" in done.stdout


def run(name: str, cases: int) -> int:
    """Mutate one file of the source at a time; the number of failures."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    signal.signal(signal.SIGALRM, _too_long)
    failures = errors = 0
    with TemporaryDirectory() as temporary:
        source, out = Path(temporary, "source"), Path(temporary, "out")
        SOURCES[name](source)
        files = sorted(p for p in source.rglob("*") if p.is_file() and p.suffix.lower() not in IMAGE_SUFFIXES)
        files = files or sorted(p for p in source.rglob("*") if p.is_file())
        whole = {path: path.read_bytes() for path in files}
        for case in range(cases):
            rng = random.Random(f"{name} {case}")
            path = rng.choice(files)
            path.write_bytes(mutate(whole[path], rng))
            options: dict[str, Any] = {"task": rng.choice(TASKS), "missing_images": "drop", "unknown_class": "drop"}
            signal.alarm(SECONDS)
            try:
                report = convert(source, out, options=ReadOptions(**options), dry_run=True)
                assert report.annotations_in >= 0
            except YoloTLError as error:
                errors += 1
                failures += not str(error).strip()
            except Exception:
                failures += 1
                print(f"--- {name} case {case}: {path.relative_to(source)}\n{traceback.format_exc()[-1500:]}")
            finally:
                signal.alarm(0)
            path.write_bytes(whole[path])
            assert not out.exists()
    print(f"{name}: {cases} cases, {errors} refused, {failures} failures")
    return failures


def _too_long(*_: object) -> None:
    raise TimeoutError(f"longer than {SECONDS} s")


if __name__ == "__main__":
    sys.exit(min(1, run(sys.argv[1], int(sys.argv[2]))))
