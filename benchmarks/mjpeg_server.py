"""A camera that can be told to fail: JPEG pictures over HTTP on the loopback interface.

    python benchmarks/mjpeg_server.py [--port 0] [--period 0.05]

It prints its port, and takes one word a line from its standard input: ``fine``, ``frozen`` (one picture again and
again), ``garbage`` (random bytes as a picture), ``truncated`` (half a picture), ``noise`` (random bytes in place of
parts), ``resized``, ``slow`` (a picture every 10 s), ``trickle`` (a picture, byte by byte), ``closed`` (the connection
is closed, and so is every new one).
"""

from __future__ import annotations

import argparse
import socket
import sys
import threading
import time

import cv2
import numpy as np

PICTURES = 16
HEADER = (
    b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=frame\r\n\r\n"  # as mjpg-streamer has it
)


def jpegs(height: int, width: int) -> list[bytes]:
    """Pictures of which no two are alike."""
    rng = np.random.default_rng(0)
    small = rng.integers(0, 256, (PICTURES, 9, 12, 3), dtype=np.uint8)
    return [cv2.imencode(".jpg", cv2.resize(picture, (width, height)))[1].tobytes() for picture in small]


class Camera:
    """Serves pictures to any number of clients, the way it was last told to."""

    def __init__(self, period: float) -> None:
        self.mode = "fine"
        self._period = period
        self._fine, self._large = jpegs(120, 160), jpegs(240, 320)
        self._told = threading.Condition()

    def tell(self, mode: str) -> None:
        """Go on in another way."""
        with self._told:
            self.mode = mode
            self._told.notify_all()

    def serve(self, client: socket.socket) -> None:
        """Send pictures until the client goes, or the camera is told to close."""
        try:
            client.recv(4096)
            client.sendall(HEADER)
            number = 0
            while self.mode != "closed":
                number += self.mode != "frozen"
                self._send(client, number)
                time.sleep(self._period)
                with self._told:
                    self._told.wait_for(lambda: self.mode != "slow", 10.0)
        except OSError:
            pass
        finally:
            client.close()

    def _send(self, client: socket.socket, number: int) -> None:
        rng = np.random.default_rng(number)
        if self.mode == "noise":
            client.sendall(rng.bytes(4000))
            return
        body = (self._large if self.mode == "resized" else self._fine)[number % PICTURES]
        if self.mode == "garbage":
            body = rng.bytes(4000)
        if self.mode == "truncated":
            body = body[: len(body) // 2]
        client.sendall(b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(body))
        while self.mode == "trickle" and len(body) > 1:
            client.sendall(body[:1])
            body = body[1:]
            time.sleep(0.05)
        client.sendall(body + b"\r\n")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--period", type=float, default=0.05)
    options = parser.parse_args()
    camera = Camera(options.period)
    listener = socket.create_server(("127.0.0.1", options.port))
    print(listener.getsockname()[1], flush=True)

    def accept() -> None:
        while True:
            client, _ = listener.accept()
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=camera.serve, args=(client,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    for line in sys.stdin:
        camera.tell(line.strip())


if __name__ == "__main__":
    main()
