"""``python -m yolo_tl`` is the same as ``yolo-tl``."""

from yolo_tl.cli import main

if __name__ == "__main__":
    main(prog_name="yolo-tl")
