from __future__ import annotations

from yolo_tl.data.scenes.shots import FEWEST, LOTS, PRODUCTS, ROUNDS, drift, shot


def test_no_lot_is_in_two_splits_or_of_two_products():
    shots = [shot(0, index) for index in range(3 * LOTS * ROUNDS)]
    assert len({s.lot for s in shots}) == 3 * LOTS
    assert len({(s.lot, s.split, s.product) for s in shots}) == 3 * LOTS
    assert [s.index for s in shots] == list(range(len(shots)))


def test_the_fewest_have_every_product_in_every_split():
    assert len({(s.split, s.product) for s in (shot(0, index) for index in range(FEWEST))}) == 9


def test_a_fifth_is_good_and_a_third_of_each_lot_is_of_the_second_camera():
    shots = [shot(4, index) for index in range(600)]
    assert 0.17 < sum(s.good for s in shots) / 600 < 0.23
    assert 0.28 < sum(s.camera == 2 for s in shots) / 600 < 0.38
    for lot in range(1, LOTS + 1):
        assert {s.camera for s in shots if s.lot == lot} == {1, 2}


def test_repeats_are_of_the_same_lot_camera_and_split():
    shots = [shot(0, index) for index in range(LOTS * ROUNDS)]
    repeats = [s for s in shots if s.scene != s.index]
    assert len(repeats) >= 4
    for repeat in repeats:
        source = shots[repeat.scene]
        assert source.scene == source.index
        assert (repeat.lot, repeat.camera, repeat.split, repeat.good) == (
            source.lot,
            source.camera,
            source.split,
            source.good,
        )


def test_names_tell_camera_lot_and_number():
    assert shot(0, 17).name == f"cam{shot(0, 17).camera}_lot03_0017"
    assert shot(0, 17).product == PRODUCTS[2]


def test_lots_differ_and_seeds_do():
    drifts = [drift(seed, lot) for seed in (0, 1) for lot in range(1, 16)]
    assert len(set(drifts)) == 30
    assert drift(0, 3) == drift(0, 3)
