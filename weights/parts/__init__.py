"""The source set of `yolo26n-parts.pt`: silhouettes of machine parts, in any look, on any ground."""
