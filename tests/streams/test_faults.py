"""Real processes that fail: a camera over HTTP, a writer into a folder."""

from __future__ import annotations

import http.server
import io
import itertools
import socket
import subprocess
import sys
import threading
from email.message import Message
from pathlib import Path

import cv2
import numpy as np
import pytest

from yolo_tl.errors import RuntimeFailure
from yolo_tl.streams import Stream, StreamOptions, open_source
from yolo_tl.streams.mjpeg import MjpegFeed

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

import mjpeg_server
import stream_faults

EXPECTED = {
    "killed": {"lost"},
    "stopped": {"lost"},
    "closed": {"lost"},
    "frozen": {"stale"},
    "garbage": {"unreadable"},
    "truncated": {"unreadable"},
    "noise": {"lost"},
    "resized": {"resized"},
    "slow": {"lost"},
    "folder-garbage": {"unreadable"},
    "folder-silent": {"lost"},
}


@pytest.mark.parametrize("fault", EXPECTED)
def test_a_source_that_fails_is_noticed_and_seen_again(fault):
    trial = stream_faults.run_trial(fault, healthy=0.1)
    assert trial.accounted
    assert trial.recovered is not None
    # A busy machine may make the camera look lost before it fails.
    assert trial.state in EXPECTED[fault] | {"lost"}
    assert trial.noticed is not None
    assert trial.noticed < 15  # how soon it is, the benchmark says


class Response(io.BytesIO):
    headers = Message()


def parts(content: bytes, boundary: str = "frame") -> MjpegFeed:
    return MjpegFeed(Response(content), boundary, "cam")


JPEGS = mjpeg_server.jpegs(24, 32)


def part(body: bytes, *, length: bool = True, mark: bytes = b"--frame") -> bytes:
    header = b"Content-Length: %d\r\n" % len(body) if length else b""
    return mark + b"\r\nContent-Type: image/jpeg\r\n" + header + b"\r\n" + body + b"\r\n"


@pytest.mark.parametrize("length", [True, False])
@pytest.mark.parametrize("boundary", ["frame", "--frame"])
def test_parts_with_and_without_a_length(length, boundary):
    content = b"\r\n" + b"".join(part(jpeg, length=length) for jpeg in JPEGS[:3]) + b"--frame--\r\n"
    feed = parts(content, boundary)
    images = [feed.read(1).image for _ in range(3)]
    assert all(image.shape == (24, 32, 3) for image in images)
    assert not np.array_equal(images[0], images[1])
    with pytest.raises(RuntimeFailure, match="cam: the connection broke"):
        feed.read(1)


def test_a_damaged_part_is_one_picture_and_not_the_end():
    bodies = [JPEGS[0], JPEGS[1][: len(JPEGS[1]) // 2], b"", b"<html>busy</html>", b"\xff\xd8\xff\xd9", JPEGS[2]]
    feed = parts(b"".join(map(part, bodies)))
    pictures = [feed.read(1) for _ in bodies]
    assert [picture.image is not None for picture in pictures] == [True, False, False, False, False, True]
    assert "bytes are no JPEG" in pictures[1].problem


def test_half_a_jpeg_is_none_even_where_opencv_would_complete_it(monkeypatch):
    monkeypatch.setattr("cv2.imdecode", lambda content, flags: np.zeros((24, 32, 3), np.uint8))
    half, whole = parts(part(JPEGS[0][: len(JPEGS[0]) // 2])), parts(part(JPEGS[0] + b"\0\0"))
    assert half.read(1).image is None
    assert whole.read(1).image is not None


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"--frame\r\n",
        part(JPEGS[0])[:-200],
        b"--frame\r\nContent-Length: many\r\n\r\n",
        b"--frame\r\nContent-Length: -1\r\n\r\n",
        b"--frame\r\nContent-Length: 99999999999\r\n\r\n",
        np.random.default_rng(0).bytes(100_000),
        b"--frame\r\n\r\n" + np.random.default_rng(0).bytes(100_000),
    ],
)
def test_what_are_no_parts_breaks_the_connection(content):
    with pytest.raises(RuntimeFailure, match="cam: the connection broke"):
        parts(content).read(1)


def test_what_has_no_end_is_not_read_for_ever(monkeypatch):
    monkeypatch.setattr("yolo_tl.streams.mjpeg._LARGEST", 100_000)
    for content in (b"x" * 300_000, b"--frame\r\n\r\n" + b"x" * 300_000):
        response = Response(content)
        with pytest.raises(RuntimeFailure):
            MjpegFeed(response, "frame", "cam").read(1)
        assert response.tell() < 250_000


@pytest.fixture
def guarded():
    """A camera that wants a password."""

    class Camera(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            if self.headers.get("Authorization") != "Basic YWRtaW46cCBzcw==":  # admin:p ss
                self.send_response(401)
                self.send_header("WWW-Authenticate", 'Basic realm="cam"')
                self.end_headers()
                return
            self.send_response(200)
            self.send_header("Content-Type", 'multipart/x-mixed-replace; boundary="frame"')
            self.end_headers()
            self.wfile.write(part(JPEGS[0]) + part(JPEGS[1]))

        def log_message(self, *arguments):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Camera)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


def test_a_camera_that_wants_a_password(guarded):
    options = StreamOptions(timeout=60.0, retry=0.01)
    with Stream(open_source(f"http://admin:p%20ss@127.0.0.1:{guarded}/v"), options) as stream:
        assert next(stream).image.shape == (24, 32, 3)
    options = StreamOptions(timeout=0.3, retry=0.01)
    with Stream(open_source(f"http://admin:wrong@127.0.0.1:{guarded}/v"), options) as stream:
        assert next(stream).state == "lost"
        while not stream.problem:
            next(stream)
        assert "401" in stream.problem
        assert "wrong" not in stream.problem


def test_an_address_that_nobody_answers_is_lost():
    with socket.create_server(("127.0.0.1", 0)) as listener:  # connected by the system, and never answered
        port = listener.getsockname()[1]
        for scheme in ("http", "rtsp"):
            options = StreamOptions(timeout=0.3, retry=0.01)
            with Stream(open_source(f"{scheme}://127.0.0.1:{port}/v", timeout=0.2), options) as stream:
                assert next(stream).state == "lost"
                while not stream.problem:
                    assert next(stream).state == "lost"


@pytest.fixture
def video_over_http(tmp_path):
    """A video that FFmpeg has to read: what is no row of JPEG pictures goes to OpenCV."""
    path = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 48))
    for level in range(5):
        writer.write(np.full((48, 64, 3), level * 10, np.uint8))
    writer.release()
    served = []

    class Camera(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            served.append(self.path)
            self.send_response(200)
            self.send_header("Content-Type", "video/avi")
            self.end_headers()
            self.wfile.write(path.read_bytes())

        def log_message(self, *arguments):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Camera)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


def test_other_addresses_are_read_by_ffmpeg_and_opened_anew_at_their_end(video_over_http):
    options = StreamOptions(timeout=60.0, retry=0.01, policy="block", stale_after=None)
    with Stream(open_source(f"http://127.0.0.1:{video_over_http}/clip"), options) as stream:
        frames = list(itertools.islice(stream, 8))
        assert stream.counters.reconnects >= 1
        assert "gives no picture any more" in stream.problem
    assert {frame.state for frame in frames} == {"ok"}
    levels = [frame.image.mean() for frame in frames]
    np.testing.assert_allclose(levels, [0, 10, 20, 30, 40, 0, 10, 20], atol=3)


@pytest.mark.parametrize("closed", [True, False])
def test_a_process_ends_well_while_its_camera_hangs(closed):
    """The driver returns when the interpreter has ended; that must not abort the process."""
    code = """if True:
        import socket, sys
        from yolo_tl.streams import Stream, StreamOptions, open_source
        listener = socket.create_server(("127.0.0.1", 0))
        source = open_source(f"rtsp://127.0.0.1:{listener.getsockname()[1]}/v", timeout=1.5)
        stream = Stream(source, StreamOptions(timeout=0.2))
        print(next(iter(stream)).state)
        if sys.argv[1] == "True":
            stream.close()
    """
    done = subprocess.run(
        [sys.executable, "-c", code, str(closed)], capture_output=True, text=True, check=False, timeout=120
    )
    assert (done.stdout, done.returncode) == ("lost\n", 0), done.stderr
