"""Where decisions go: a log that survives, pictures within a budget, an HTTP receiver, an MQTT broker, a callable."""

from yolo_tl.inspection.sinks.callback import CallbackSink
from yolo_tl.inspection.sinks.log import LogSink
from yolo_tl.inspection.sinks.mqtt import MqttAddress, MqttSink
from yolo_tl.inspection.sinks.pictures import PictureSink
from yolo_tl.inspection.sinks.recorder import Recorder
from yolo_tl.inspection.sinks.sink import Sink, SinkCounters
from yolo_tl.inspection.sinks.webhook import WebhookSink

__all__ = [
    "CallbackSink",
    "LogSink",
    "MqttAddress",
    "MqttSink",
    "PictureSink",
    "Recorder",
    "Sink",
    "SinkCounters",
    "WebhookSink",
]
