"""Which images Ultralytics would leave out of training, as ``verify_image_label`` in its ``data/utils.py`` decides."""

from __future__ import annotations

import numpy as np

from yolo_tl.data.checks.labels import HIGH, LOW, finite, keypoints
from yolo_tl.data.checks.probe import End, State
from yolo_tl.data.checks.rows import Kind, LabelState
from yolo_tl.data.checks.snapshot import Mask, Snapshot

_SMALLEST = 10  # px a side


def ignored(snapshot: Snapshot) -> Mask:
    """(N,) images that Ultralytics leaves out, with their labels and one line in a log."""
    out: Mask = (snapshot.state != State.SOUND) | (snapshot.size.min(axis=1, initial=1 << 30) < _SMALLEST)
    for i, p in enumerate(snapshot.probes):
        out[i] |= (p.end == End.TRUNCATED and p.format in ("jpeg", "png")) or p.format in ("gif", "pnm")
    out |= snapshot.label_state == LabelState.UNREADABLE
    if snapshot.places is None:  # else there are no label files
        out[[image for image, _ in snapshot.encodings]] = True
        out[[bad.image for bad in snapshot.bad]] = True
        out[snapshot.rows.image[_refused(snapshot)]] = True
    return out


def _refused(snapshot: Snapshot) -> Mask:
    """(M,) rows for which Ultralytics leaves out their image."""
    rows = snapshot.rows
    shape = snapshot.config.keypoint_shape if snapshot.config else None
    with np.errstate(invalid="ignore"):
        refused: Mask = (rows.flaw > 0) | ~np.isfinite(rows.class_id) | (rows.class_id != np.floor(rows.class_id))
        refused |= (rows.class_id < 0) | (rows.class_id >= len(snapshot.names))
        refused |= (rows.box[:, :2] < LOW).any(axis=1) | (rows.box[:, 2:] < 0).any(axis=1)
        if shape:
            refused |= rows.kind != Kind.POSE
            posed = np.flatnonzero(rows.kind == Kind.POSE)
            points = keypoints(snapshot, posed)
            refused[posed] |= ~(points >= LOW).all(axis=(1, 2)) | (points[:, :, :2] > HIGH).any(axis=(1, 2))
            refused |= np.isnan(rows.box).any(axis=1)  # infinity passes here
        else:
            refused |= ~finite(snapshot) | (rows.box > HIGH).any(axis=1)
            polygons = np.zeros(len(snapshot), np.bool_)
            polygons[rows.image[rows.columns > 6]] = True
            in_polygons = polygons[rows.image]
            odd = (rows.columns % 2 == 0) | (rows.columns == 5) | (rows.columns < 3)
            refused |= np.where(in_polygons, odd, rows.columns != 5)
    return refused
