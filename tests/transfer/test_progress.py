from __future__ import annotations

import inspect

from yolo_tl.transfer.progress import Listener, Silent


def test_silence_takes_every_event():
    events = [name for name, _ in inspect.getmembers(Listener, inspect.isfunction) if not name.startswith("_")]
    assert events == ["batch", "begin", "epoch", "finish", "note", "stage"]
    for name in events:
        assert inspect.signature(getattr(Silent, name)) == inspect.signature(getattr(Listener, name))
        count = len(inspect.signature(getattr(Silent, name)).parameters) - 1
        assert getattr(Silent(), name)(*range(count)) is None
