from __future__ import annotations

import os
import subprocess
import sys

import pytest

from yolo_tl.errors import DataNotFound, UsageError, WriteError
from yolo_tl.files import atomic_path, link_or_copy, sha256, staged_folder, write_json, write_text


def test_failed_write_keeps_the_old_file(tmp_path):
    target = tmp_path / "a.txt"
    write_text(target, "old")
    with pytest.raises(RuntimeError), atomic_path(target) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_staged_folder_appears_whole_or_not_at_all(tmp_path):
    with pytest.raises(DataNotFound), staged_folder(tmp_path / "out") as stage:
        (stage / "half").write_text("x")
        raise DataNotFound("gone")
    assert os.listdir(tmp_path) == []
    with staged_folder(tmp_path / "out") as stage:
        (stage / "whole").write_text("x")
        assert not (tmp_path / "out").exists()
    assert os.listdir(tmp_path) == ["out"]


def test_staged_folder_refuses_and_replaces(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine").write_text("precious")
    with pytest.raises(UsageError, match="already holds files"), staged_folder(out):
        pass
    with pytest.raises(KeyboardInterrupt), staged_folder(out, overwrite=True) as stage:
        (stage / "new").write_text("x")
        raise KeyboardInterrupt
    assert os.listdir(out) == ["mine"]
    with staged_folder(out, overwrite=True) as stage:
        (stage / "new").write_text("x")
    assert os.listdir(out) == ["new"]
    assert os.listdir(tmp_path) == ["out"]


def test_file_too_large_for_the_disk_leaves_the_old_one(tmp_path):
    """A real write that the system refuses half-way, as a full disk does."""
    target = tmp_path / "big.json"
    write_json(target, "old")
    code = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "from yolo_tl.files import write_text; from yolo_tl.errors import WriteError\n"
        f"try: write_text({str(target)!r}, 'x' * 100_000)\n"
        "except WriteError as error: print(error); sys.exit(error.exit_code)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 6, done.stderr
    assert "big.json: could not be written: File too large" in done.stdout
    assert target.read_text() == '"old"\n'
    assert os.listdir(tmp_path) == ["big.json"]


def test_unwritable_target_is_named(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(WriteError, match="file/under"):
        write_text(tmp_path / "file" / "under", "x")


@pytest.mark.parametrize("how", ["hardlink", "symlink", "copy", "auto"])
def test_link_or_copy(tmp_path, how):
    (tmp_path / "a").write_text("content")
    way = link_or_copy(tmp_path / "a", tmp_path / "b", how)
    assert (tmp_path / "b").read_text() == "content"
    assert sha256(tmp_path / "a") == sha256(tmp_path / "b")
    assert way == ("hardlink" if how == "auto" else how)
    assert (tmp_path / "b").is_symlink() == (how == "symlink")
