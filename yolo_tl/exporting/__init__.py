"""Export with proof: a registry of formats, the gate, and the bundle."""

from yolo_tl.exporting.exporter import ExportResult, GateRefused, export_bundle

__all__ = ["ExportResult", "GateRefused", "export_bundle"]
