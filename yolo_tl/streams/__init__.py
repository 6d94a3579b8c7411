"""Pictures as they come: cameras, videos, watched folders, Python; each frame accounted for, none made up."""

from yolo_tl.streams.counters import Counters
from yolo_tl.streams.files import FileSource
from yolo_tl.streams.opening import open_source
from yolo_tl.streams.options import StreamOptions
from yolo_tl.streams.pipelining import pipelined
from yolo_tl.streams.push import IterableSource, PushSource
from yolo_tl.streams.source import Feed, Picture, Policy, Source
from yolo_tl.streams.stream import Stream
from yolo_tl.streams.watch import WatchSource

__all__ = [
    "Counters",
    "Feed",
    "FileSource",
    "IterableSource",
    "Picture",
    "Policy",
    "PushSource",
    "Source",
    "Stream",
    "StreamOptions",
    "WatchSource",
    "open_source",
    "pipelined",
]
