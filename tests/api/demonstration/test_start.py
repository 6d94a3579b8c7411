"""Which checkpoint the demo takes. No other machine than this is asked for anything."""

from __future__ import annotations

import http.server
import io
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from yolo_tl.api.demonstration.start import COCO, PATIENCE, SHIPPED, choose_start, unreachable
from yolo_tl.engine import weights
from yolo_tl.errors import MissingExtra, WeightsNotFound

REFUSED = "http://127.0.0.1:9"  # nobody listens there


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ultralytics: object) -> Path:
    """A working folder in which the shipped checkpoint is found, COCO's is not, and the network refuses."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("YOLO_TL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("YOLO_TL_WEIGHTS_URL", REFUSED)
    monkeypatch.delenv("YOLO_TL_WEIGHTS", raising=False)
    folder = tmp_path / "only-here"
    folder.mkdir()
    monkeypatch.setattr(weights, "folders", lambda: [folder])
    (folder / SHIPPED).write_bytes(b"a checkpoint")
    return folder


def test_a_network_that_refuses_means_the_shipped_one_and_the_reason_is_told(place: Path) -> None:
    found = choose_start()
    assert found.weights == SHIPPED
    assert found.why.startswith("it ships with yolo-tl; yolo26n.pt, trained on COCO, is not here")
    assert "refused" in found.why


def test_what_is_here_is_taken_and_nobody_is_asked(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (place / COCO).write_bytes(b"a checkpoint")
    monkeypatch.setattr("urllib.request.urlopen", lambda *_, **__: pytest.fail("the network was asked"))
    assert choose_start().weights == COCO


def test_what_is_asked_for_is_taken_or_refused(place: Path) -> None:
    assert choose_start(SHIPPED).weights == SHIPPED
    with pytest.raises(WeightsNotFound, match="mine.pt: no such checkpoint"):
        choose_start("folder/mine.pt")


def test_where_training_is_not_installed_that_is_told_at_once(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent() -> None:
        raise MissingExtra("ultralytics", "train")

    monkeypatch.setattr("yolo_tl.engine.hermetic.ultralytics", absent)
    with pytest.raises(MissingExtra, match="ultralytics is needed"):
        choose_start(SHIPPED)


def test_without_any_checkpoint_both_reasons_are_told(place: Path) -> None:
    (place / SHIPPED).unlink()
    with pytest.raises(WeightsNotFound, match="could not be fetched.*yolo26n-parts.pt") as caught:
        choose_start()
    assert "--weights CHECKPOINT" in caught.value.hint


@pytest.fixture
def answering() -> Iterator[str]:
    """The address of a server that has nothing and takes no HEAD."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(404)

        def log_message(self, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_server_without_the_file_means_the_shipped_one(
    place: Path, answering: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("YOLO_TL_WEIGHTS_URL", answering)
    found = choose_start()
    assert found.weights == SHIPPED
    assert "404" in found.why or "Not Found" in found.why


def test_any_answer_counts_as_reachable(answering: str) -> None:
    assert unreachable(f"{answering}/{COCO}") == ""
    assert "refused" in unreachable(f"{REFUSED}/{COCO}")
    assert unreachable("no address") != ""


def test_a_server_that_says_nothing_is_left_soon() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        assert unreachable(f"http://127.0.0.1:{silent.getsockname()[1]}/x", patience=0.2) != ""
        assert time.monotonic() - began < 60  # not the minutes that a socket may wait
    assert PATIENCE <= 5


def test_a_name_look_up_that_hangs_is_left_soon_too(monkeypatch: pytest.MonkeyPatch) -> None:
    ends = threading.Event()

    def hangs(*_: object, **__: object) -> io.BytesIO:  # no timeout of a socket ends a look-up
        ends.wait(20)
        return io.BytesIO()

    monkeypatch.setattr("urllib.request.urlopen", hangs)
    assert unreachable(REFUSED, patience=0.1) == "no answer within 0.1 s"
    ends.set()
