from __future__ import annotations

import json
from dataclasses import asdict

from support.verdicts import start

from yolo_tl.evaluation.starts import Start, without_hopeless


def test_features_are_informative_only_clearly_above_every_random_network() -> None:
    assert start("w.pt", -0.57).informative
    assert not start("w.pt", -0.59).informative  # above all, by less than random networks differ
    assert not start("w.pt", -0.7).informative
    assert (
        "no better than those of random weights (LogME -0.700, random -0.620 to -0.600)" in start("w", -0.7).describe()
    )


def test_what_knows_nothing_is_dropped_where_another_knows_something() -> None:
    good, bad, fair = without_hopeless([start("good", -0.4), start("bad", -0.61), start("fair", -0.5)])
    assert not good.dropped
    assert not fair.dropped
    assert bad.dropped == "its features are no better than random"


def test_of_several_that_know_nothing_the_best_is_left() -> None:
    worse, better = without_hopeless([start("worse", -0.7), start("better", -0.65)])
    assert "better has better ones" in worse.dropped
    assert not better.dropped
    (alone,) = without_hopeless([start("alone", -0.7)])
    assert not alone.dropped


def test_a_start_is_read_back_as_it_was_written() -> None:
    (before,) = without_hopeless([start("w.pt", -0.5)])
    assert Start.from_json(json.loads(json.dumps(asdict(before)))) == before
