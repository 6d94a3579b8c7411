"""The wheel in a kit: built from the checkout, or packed again from what is installed, with the same content."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from yolo_tl.device_kit.wheel import NAME, own_wheel
from yolo_tl.errors import MissingExtra, UsageError


def content(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as wheel:
        assert wheel.testzip() is None
        return {name: wheel.read(name) for name in wheel.namelist()}


def test_what_is_installed_is_packed_as_it_was_built(wheel: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(site)
    information = next(site.glob("*.dist-info"))
    (information / "INSTALLER").write_text("someone")
    (information / "direct_url.json").write_text("{}")
    local = f"../../../bin/yolo-tl,,\n{information.name}/INSTALLER,,\n{information.name}/direct_url.json,,\n"
    cached = "yolo_tl/__pycache__/boxes.cpython-311.pyc,,\n"
    record = information / "RECORD"
    record.write_text(record.read_text() + local + cached)
    code = "import sys\nfrom pathlib import Path\nfrom yolo_tl.device_kit.wheel import own_wheel\n"
    code += "print(own_wheel(Path(sys.argv[1])))"
    again = tmp_path / "again"
    again.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", code, str(again)],
        cwd=tmp_path,
        env={"PYTHONPATH": str(site), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    a, b = content(wheel), content(again / NAME)
    name = f"{information.name}/RECORD"
    rows = [sorted(each.pop(name).decode().splitlines()) for each in (a, b)]
    assert a == b
    assert rows[0] == rows[1]
    assert "yolo_tl/device_kit/templates/install.sh" in a
    assert any(name.startswith("yolo_tl/serving/page/") for name in a)


def test_a_wheel_that_is_given_is_taken_if_it_is_ours(wheel: Path, tmp_path: Path) -> None:
    assert own_wheel(tmp_path, given=wheel).read_bytes() == wheel.read_bytes()
    other = tmp_path / "other.whl"
    with zipfile.ZipFile(other, "w") as empty:
        empty.writestr("other-1.0.dist-info/METADATA", "")
    for path in (other, Path(__file__), tmp_path / "nothing.whl"):
        with pytest.raises(UsageError, match="expected a wheel"):
            own_wheel(tmp_path, given=path)


def test_a_checkout_needs_what_builds_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match="hatchling"):
        own_wheel(tmp_path)
