from __future__ import annotations

import pytest

from yolo_tl.errors import ConfigError
from yolo_tl.transfer.freeze import resolve_freeze

BACKBONE = {"yolov5n": 10, "yolov8n": 10, "yolo11n": 11, "yolo26n": 11}


def layers_of(freeze) -> set[int]:
    return {int(name.split(".")[1]) for name in freeze.parameters}


def test_sections_follow_the_model_yaml(network):
    assert network.backbone == BACKBONE[network.family]
    backbone = resolve_freeze("backbone", network)
    assert backbone.engine == tuple(range(BACKBONE[network.family]))
    assert layers_of(backbone) == set(backbone.engine)
    assert max(layers_of(resolve_freeze("trunk", network))) < network.head
    assert layers_of(resolve_freeze("neck", network)).isdisjoint(layers_of(backbone))
    both = resolve_freeze(["backbone", "neck"], network)
    assert both.engine == resolve_freeze("trunk", network).engine


def test_none_freezes_nothing(network):
    nothing = resolve_freeze("none", network)
    assert (nothing.engine, nothing.parameters, nothing.share) == ((), frozenset(), 0)


@pytest.mark.parametrize("same", ["3", 3, [0, 1, 2], ["0", "1", "2"], ["model.0", "model.1", "model.2"], "0,1,2"])
def test_many_ways_to_say_the_first_three_layers(network, same):
    assert resolve_freeze(same, network).engine == (0, 1, 2)


def test_a_head_branch_takes_its_one_to_one_twin_along(network):
    frozen = resolve_freeze(["head.cv2"], network)
    expected = (f"{network.head}.cv2",) + ((f"{network.head}.one2one_cv2",) if network.two_headed else ())
    assert frozen.engine == expected
    assert any("one2one_cv2" in name for name in frozen.parameters) == network.two_headed
    assert resolve_freeze([f"model.{network.head}.cv2"], network).engine == expected


@pytest.mark.parametrize(
    "request_", ["99", [99], [-1], "body", ["cv3"], ["model.0.nothing"], [2, "head.cv9"], True, ["23.cv2.typo"]]
)
def test_what_matches_no_layer_is_an_error_that_shows_the_layers(network, request_):
    with pytest.raises(ConfigError, match="freeze") as caught:
        resolve_freeze(request_, network)
    assert caught.value.exit_code == 2


def test_freezing_everything_is_an_error(network):
    with pytest.raises(ConfigError, match="nothing to train"):
        resolve_freeze(["trunk", "head"], network)


def test_the_engine_freezes_exactly_what_was_resolved(network):
    """Ultralytics matches substrings of parameter names; `engine` must select the same set through them."""
    frozen = resolve_freeze(["backbone", "head.cv2"], network)
    matched = {name for name, _ in network.parameters if any(f"model.{e}." in name for e in frozen.engine)}
    assert matched == frozen.parameters
    total = sum(count for _, count in network.parameters)
    assert frozen.share == sum(c for n, c in network.parameters if n in matched) / total
