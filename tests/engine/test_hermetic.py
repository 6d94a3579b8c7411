from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

# Every look-up and every outgoing connection of the process, counted below Python's socket module.
SCRIPT = """
    import json, os, sys, socket
    seen = []
    def audit(event, arguments):
        if event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.connect", "socket.sendto"):
            if not (event == "socket.connect" and getattr(arguments[0], "family", None) == socket.AF_UNIX):
                seen.append([event, repr(arguments[1:])])
        if event == "subprocess.Popen" and any("pip" in str(a) for a in arguments[1] or ()):
            seen.append([event, repr(arguments)])
    sys.addaudithook(audit)
    import yolo_tl
    data, out = sys.argv[1:]
    options = {"epochs": 1, "imgsz": 64, "batch": 8, "device": "cpu"}
    result = yolo_tl.train(data, "yolo26n.yaml", out=out + "/run", overrides=options)
    yolo_tl.evaluate(result.weights, data)
    bundle = yolo_tl.export(result.weights, data, out + "/bundle").bundle
    for model in (result.weights, bundle):
        assert list(yolo_tl.predict(model, data + "/images/val", confidence=0.001))
    import torch
    print(json.dumps({"seen": seen, "threads": torch.get_num_threads(), "planned": result.plan["threads"]}))
"""


@pytest.mark.slow
def test_the_whole_path_looks_up_no_name_and_opens_no_connection(sample, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(home),
        "YOLO_TL_HOME": str(home / "own"),
        "TMPDIR": str(tmp_path),
    }
    script = textwrap.dedent(SCRIPT)
    done = subprocess.run(
        [sys.executable, "-c", script, str(sample), str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)  # nothing else may be on stdout
    assert answer["seen"] == []
    assert answer["threads"] == answer["planned"]
    left = {p.relative_to(home).parts[0] for p in home.rglob("*") if p.is_file()}
    assert left <= {"own", ".cache", ".config"}  # matplotlib keeps its font list there
    ultralytics_files = [p for p in home.rglob("*") if "ltralytics" in str(p) and "own" not in p.parts]
    assert ultralytics_files == []
    assert not Path(tmp_path / "runs").exists()


def test_the_audit_would_have_seen_a_look_up():
    code = textwrap.dedent(SCRIPT).split("import yolo_tl")[0] + (
        "try: socket.create_connection(('localhost', 9), timeout=1)\nexcept OSError: pass\nprint(json.dumps(seen))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {event for event, _ in json.loads(done.stdout)} == {"socket.getaddrinfo", "socket.connect"}


def test_an_ultralytics_imported_before_is_refused(tmp_path):
    code = (
        "import ultralytics\nfrom yolo_tl.engine.hermetic import ultralytics as get\n"
        "from yolo_tl.errors import ModelError\n"
        "try: get()\nexcept ModelError as error: print(error.hint)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": "/usr/bin:/bin", "YOLO_CONFIG_DIR": str(tmp_path), "YOLO_OFFLINE": "1", "HOME": str(tmp_path)},
    )
    assert "call yolo_tl first" in done.stdout
