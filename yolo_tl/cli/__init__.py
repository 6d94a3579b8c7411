"""The command line: option → configuration → one API call → render."""

from yolo_tl.cli.main import main

__all__ = ["main"]
