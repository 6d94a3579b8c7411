"""A conversion that is killed leaves the target as it was: absent, the old one, or the whole new one."""

from __future__ import annotations

import multiprocessing
import random
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from yolo_tl.data import convert

Make = Callable[..., Any]
KILLS = 50


def contents(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def run(source: Path, out: Path, seed: int) -> None:
    convert(source, out, seed=seed, link="copy", overwrite=True)


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="needs fork")
def test_the_target_is_absent_or_whole(voc: Make, tmp_path: Path) -> None:
    source = voc({f"image_{i}": [("cat", (i % 40, 1, 50 + i % 40, 40)), ("dog", (0, 0, 9, 9))] for i in range(150)})
    before = contents(source)
    wholes = []
    start = time.perf_counter()
    for seed in (0, 1):
        run(source, tmp_path / f"whole_{seed}", seed)
        wholes.append(contents(tmp_path / f"whole_{seed}"))
    seconds = (time.perf_counter() - start) / 2
    rng = random.Random(0)
    context = multiprocessing.get_context("fork")
    killed, seen = 0, set()
    out = tmp_path / "made" / "out"
    for number in range(KILLS):
        if number < KILLS // 2:  # into nothing; then over a data set that is there
            shutil.rmtree(out, ignore_errors=True)
        process = context.Process(target=run, args=(source, out, number % 2))
        process.start()
        time.sleep(rng.uniform(0, 1) * seconds)
        process.kill()
        process.join()
        killed += process.exitcode != 0
        found = contents(out) if out.exists() else None
        assert found is None or found in wholes
        seen.add(None if found is None else wholes.index(found))
    assert killed >= KILLS // 5
    assert None in seen
    run(source, out, 0)
    assert contents(out) == wholes[0]
    assert [path.name for path in out.parent.iterdir()] == ["out"]  # what the killed ones left is gone
    assert contents(source) == before
