"""The layout that Ultralytics trains on: data.yaml, label files, and their rows."""
