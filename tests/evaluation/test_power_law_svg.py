from __future__ import annotations

import xml.etree.ElementTree as ET

import numpy as np
import pytest

from yolo_tl.evaluation import Interval
from yolo_tl.evaluation.power_law import FittedCurve, MeanScore, PowerLaw, fit_curve
from yolo_tl.evaluation.power_law_svg import curve_svg

LAW = PowerLaw(0.7, 1.0, 0.5)
SIZES = [25, 50, 100, 205]
NS = {"s": "http://www.w3.org/2000/svg"}


def fitted() -> tuple[list[MeanScore], FittedCurve]:
    scores = LAW.at(SIZES)
    noise = np.random.default_rng(0).normal(0, 0.01, (300, 4))
    sizes = [MeanScore(n, s, Interval(s - 0.02, s + 0.02), 3) for n, s in zip(SIZES, scores.tolist(), strict=True)]
    return sizes, fit_curve(SIZES, scores, scores + noise)


def points(shape: ET.Element) -> np.ndarray:
    return np.array([pair.split(",") for pair in shape.attrib["points"].split()], float)


def test_the_drawing_shows_points_law_and_band_to_scale() -> None:
    sizes, fit = fitted()
    root = ET.fromstring(curve_svg(sizes, fit, title="a < b"))
    assert root.attrib["aria-label"] == "a < b"
    dots = root.findall("s:circle", NS)
    assert len(dots) == 4
    assert "25 images: 0.500 [0.480, 0.520], 3 runs" in "".join(dots[0].itertext())
    x, y = (np.array([float(dot.attrib[key]) for dot in dots]) for key in ("cx", "cy"))
    # A logarithmic axis of images, a linear one of scores, upwards.
    assert np.diff(x) / np.diff(np.log(SIZES)) == pytest.approx([np.diff(x)[0] / np.log(2)] * 3, abs=0.3)
    slopes = np.diff(y) / np.diff(LAW.at(SIZES))
    assert slopes == pytest.approx([slopes[0]] * 3, rel=0.05)
    assert slopes[0] < 0
    known, ahead = root.findall("s:polyline", NS)
    assert points(known)[0, 0] == pytest.approx(x[0], abs=0.2)
    assert points(ahead)[-1, 0] > x[-1] >= points(ahead)[0, 0] - 0.2
    band = points(root.find("s:polygon", NS))
    low, high = band[: len(band) // 2], band[len(band) // 2 :][::-1]
    assert (low[:, 1] > high[:, 1]).all()
    width = low[:, 1] - high[:, 1]
    assert width[-1] > width[len(width) // 2], "further away less is known"
    every = np.concatenate([band, points(known), points(ahead), np.stack([x, y], 1)])
    assert (every >= 0).all()
    assert (every <= [640, 400]).all()


def test_without_a_law_there_are_points_only() -> None:
    sizes, _ = fitted()
    root = ET.fromstring(curve_svg(sizes[:2], None, title="no forecast"))
    assert len(root.findall("s:circle", NS)) == 2
    assert not root.findall("s:polyline", NS)
    assert not root.findall("s:polygon", NS)


def test_it_can_be_read_in_the_dark_and_needs_no_network() -> None:
    text = curve_svg(*fitted(), title="")
    assert "prefers-color-scheme: dark" in text
    assert text.count("http") == 1, "the name space, and nothing else"


def test_equal_scores_are_drawn() -> None:
    flat = [MeanScore(n, 0.0, Interval(0.0, 0.0), 1) for n in (1, 2)]
    assert len(ET.fromstring(curve_svg(flat, None, title="")).findall("s:circle", NS)) == 2
