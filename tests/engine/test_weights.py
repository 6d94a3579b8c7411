from __future__ import annotations

import http.server
import threading
from pathlib import Path

import pytest

from yolo_tl.engine.weights import find_weights, folders, is_architecture, own_folders
from yolo_tl.errors import WeightsNotFound

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def served(tmp_path, monkeypatch, ultralytics):
    """A loopback server of a folder, as the place releases come from; answers may be cut short."""
    root = tmp_path / "served"
    root.mkdir()
    state = {"cut": 0, "asked": []}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            state["asked"].append(self.path)
            file = root / self.path.lstrip("/")
            if not file.is_file():
                self.send_error(404)
                return
            content = file.read_bytes()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[: len(content) - state["cut"]])

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("YOLO_TL_WEIGHTS_URL", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("YOLO_TL_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("YOLO_TL_WEIGHTS", raising=False)
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    yield root, state
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory, ultralytics) -> bytes:
    """A real, untrained checkpoint as bytes."""
    path = tmp_path_factory.mktemp("checkpoint") / "x.pt"
    model = ultralytics.YOLO("yolov8n.yaml", verbose=False)
    model.save(path)
    return path.read_bytes()


def test_places_in_order(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("YOLO_TL_WEIGHTS", str(tmp_path / "named"))
    monkeypatch.setenv("YOLO_TL_HOME", str(tmp_path / "home"))
    places = [tmp_path, tmp_path / "weights", tmp_path / "named", tmp_path / "home" / "weights"]
    assert [p.resolve() for p in own_folders()] == places[1:]
    assert [p.resolve() for p in folders()] == [*places[1:], ROOT / "weights"]
    for place in reversed(places):  # the last place first: each earlier one then wins
        place.mkdir(parents=True, exist_ok=True)
        (place / "yolo26n.pt").write_bytes(b"x")
        assert find_weights("yolo26n.pt").resolve() == place / "yolo26n.pt"


def test_in_a_clone_the_shipped_folder_is_named_once(monkeypatch):
    monkeypatch.chdir(ROOT)
    assert [folder.resolve() for folder in folders()].count(ROOT / "weights") == 1


def test_a_release_is_fetched_once_announced_and_checked(served, checkpoint, caplog):
    root, state = served
    (root / "yolo26n.pt").write_bytes(checkpoint)
    Path("weights").mkdir()
    found = find_weights("yolo26n.pt")
    assert found == Path("weights/yolo26n.pt")
    assert found.read_bytes() == checkpoint
    assert "fetching yolo26n.pt from http://127.0.0.1" in caplog.text
    assert [p.name for p in Path("weights").iterdir()] == ["yolo26n.pt"]
    assert find_weights("yolo26n.pt") == found
    assert state["asked"] == ["/yolo26n.pt"]


def test_v5_is_released_under_its_new_name(served, checkpoint):
    root, state = served
    (root / "yolov5nu.pt").write_bytes(checkpoint)
    assert find_weights("yolov5n.pt").name == "yolov5nu.pt"
    assert state["asked"] == ["/yolov5nu.pt"]


@pytest.mark.parametrize("fault", ["missing", "cut", "junk"])
def test_a_bad_download_leaves_nothing(served, checkpoint, fault, tmp_path):
    root, state = served
    if fault != "missing":
        (root / "yolo26n.pt").write_bytes(checkpoint if fault == "cut" else b"<html>not found</html>")
    state["cut"] = 1000 if fault == "cut" else 0
    with pytest.raises(WeightsNotFound, match="yolo26n.pt") as caught:
        find_weights("yolo26n.pt")
    assert "put yolo26n.pt into one of: weights, " in caught.value.hint
    assert caught.value.exit_code == 4
    assert [p for p in tmp_path.rglob("*yolo26n*") if "served" not in p.parts] == []


def test_offline_says_where_to_put_the_file(monkeypatch, tmp_path, ultralytics):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("YOLO_TL_WEIGHTS_URL", "http://127.0.0.1:9")
    with pytest.raises(WeightsNotFound, match="could not be reached") as caught:
        find_weights("yolo11s.pt")
    assert "put yolo11s.pt into one of" in caught.value.hint


@pytest.mark.parametrize(
    ("name", "message"),
    [("yolo62n.pt", "did you mean"), ("some/where.pt", "no such checkpoint"), ("x.onnx", "no such")],
)
def test_unknown_names(name, message, monkeypatch, tmp_path, ultralytics):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(WeightsNotFound, match=message):
        find_weights(name)


def test_scratch_is_a_yaml():
    assert is_architecture("yolo26n.yaml")
    assert not is_architecture("yolo26n.pt")
