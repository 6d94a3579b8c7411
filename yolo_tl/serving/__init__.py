"""A model behind HTTP: detections, verdicts, health, metrics, and a model that is exchanged while it runs."""
