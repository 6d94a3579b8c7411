from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yolo_tl.errors import ConfigError
from yolo_tl.transfer.classes import ClassMatch, match_classes, names_for_load, normal_form, synonyms

TABLE = synonyms()
COCO_LIKE = ["person", "bicycle", "car", "dining table", "tv", "cell phone", "helmet"]

words = st.sampled_from(
    [
        "person",
        "People",
        "worker",
        "car",
        "cars",
        "Car ",
        "hard-hat",
        "hardhat",
        "helmet",
        "bike",
        "disc",
        "7",
        "theirs 1",
    ]
)
lists = st.lists(words, max_size=6)


def found(ours, theirs, aliases=(), **options) -> dict[str, str]:
    match = match_classes(ours, theirs, aliases, **options)
    return {ours[i]: theirs[t] for i, t in match.known.items()}


@given(lists, lists)
def test_no_class_of_theirs_is_shared_by_chance(ours, theirs):
    match = match_classes(ours, theirs, groups=TABLE)
    assert len(set(match.known.values())) == len(match.known)
    assert sorted([*match.known, *match.unknown]) == list(range(len(ours)))
    assert set(match.how) == set(match.known)
    assert all(0 <= t < len(theirs) for t in match.known.values())


@given(lists, lists)
def test_an_equal_name_is_always_preferred(ours, theirs):
    match = match_classes(ours, theirs, groups=TABLE)
    plain = [name.strip().lower() for name in theirs]
    for index, target in match.known.items():
        own = ours[index].strip().lower()
        others = [name.strip().lower() for name in ours]
        if own in plain and others.count(own) == plain.count(own) == 1:
            assert plain[target] == own


@given(st.permutations(["person", "car", "helmet"]), st.permutations(["pedestrian", "cars", "Hard Hat", "disc"]))
def test_the_order_of_the_names_does_not_matter(ours, theirs):
    assert found(ours, theirs) == {"person": "pedestrian", "car": "cars", "helmet": "Hard Hat"}


@given(lists, lists)
def test_what_is_known_one_way_is_known_the_other_way_where_no_two_compete(ours, theirs):
    there, back = (match_classes(a, b, groups=TABLE) for a, b in ((ours, theirs), (theirs, ours)))
    if not (there.notes or back.notes) and len(set(ours)) == len(ours) and len(set(theirs)) == len(theirs):
        assert {(t, i) for i, t in there.known.items()} == set(back.known.items())


def test_equal_names_spellings_and_synonyms():
    ours = ["Person ", "bicycles", "automobile", "DiningTable", "smart-phone", "hard_hat", "disc"]
    match = match_classes(ours, COCO_LIKE)
    assert [match.known.get(i) for i in range(7)] == [0, 1, 2, 3, 5, 6, None]
    assert [match.how[i] for i in range(6)] == ["same name", "same name", "alias", "same name", "alias", "alias"]
    assert match.describe() == (
        "the weights know 6 of 7 classes: Person = person, bicycles = bicycle, automobile = car (alias), "
        "DiningTable = dining table, smart-phone = cell phone (alias), hard_hat = helmet (alias); new: disc"
    )
    assert found(ours, COCO_LIKE, equal_only=True) == {"Person ": "person"}
    assert "automobile" not in found(ours, COCO_LIKE, groups=[])


def test_the_second_claimant_stays_new_and_is_told_how_to_share():
    ours = ["cars", "car", "worker", "pedestrian"]
    match = match_classes(ours, ["car", "person"])
    assert match.known == {1: 0, 2: 1}
    assert [note.partition(" ")[0] for note in match.notes] == ["'cars'", "'pedestrian'"]
    assert "an alias pedestrian=person" in match.notes[1]
    shared = match_classes(ours, ["car", "person"], ["pedestrian=person", "cars=car"])
    assert shared.known[3] == 1
    assert shared.known[0] == shared.known[1] == 0, "an equal name is not given up for what the user adds"
    assert 2 not in shared.known, "a synonym is"


def test_a_class_that_finds_another_way_is_not_noted():
    match = match_classes(["cars", "car"], ["car", "automobile"])
    assert (match.known, match.notes) == ({0: 1, 1: 0}, ())


def test_two_that_fit_are_left_to_the_user():
    match = match_classes(["worker"], ["person", "pedestrian"])
    assert not match.known
    assert match.notes == ("'worker' may be 'person' or 'pedestrian' of the weights: say which with an alias worker=…",)
    assert found(["worker"], ["person", "pedestrian"], ["worker=pedestrian"]) == {"worker": "pedestrian"}
    assert found(["person", "worker"], ["person", "pedestrian"]) == {"person": "person", "worker": "pedestrian"}


def test_the_user_is_believed_before_the_names():
    match = match_classes(["car", "van"], ["car", "truck"], ["car=truck", " VAN = Car"])
    assert (match.known, set(match.how.values())) == ({0: 1, 1: 0}, {"given"})


@pytest.mark.parametrize(
    "aliases, message",
    [
        (["car"], "expected OURS=THEIRS"),
        (["cart=car"], "no class 'cart' in the data set; did you mean 'car'"),
        (["car=persn"], "no class 'persn' in the weights; did you mean 'person'"),
        (["car=person", "car=bicycle"], "'car' is said to be 'person' and 'bicycle'"),
        (["car="], "no class ''"),
    ],
)
def test_aliases_that_mean_nothing_are_refused(aliases, message):
    with pytest.raises(ConfigError, match="aliases") as caught:
        match_classes(["car"], COCO_LIKE, aliases)
    assert message in caught.value.message


def test_numbers_are_names_only_where_the_lists_are_the_same():
    coco = [str(i) for i in range(80)]
    assert not match_classes(["0", "1", "2"], coco).known
    assert not match_classes(["class_0", "Class 1"], ["class_0", "class_1", "class_2"]).known
    assert match_classes(["person"], coco, ["person=0"]).known == {0: 0}
    same = match_classes(coco[:3], coco[:3])
    assert same.known == {0: 0, 1: 1, 2: 2}
    assert "bare numbers" in same.describe()
    assert "bare numbers" not in match_classes(["0", "car"], ["0", "car"]).describe()


def test_nothing_known_is_said_and_so_is_what_the_load_does_then():
    assert match_classes(["disc"], []).describe().endswith("start at random")
    assert match_classes(["disc"], ["car", "bus"]).describe().endswith("start at random")
    assert match_classes(["disc", "zap"], ["car", "bus"]).describe().endswith("by position")


def test_a_long_list_is_cut_short():
    names = [f"kind {chr(97 + i)}" for i in range(20)]
    assert "and 12 more" in match_classes(names, names).describe()


@pytest.mark.parametrize(
    "a, b, same",
    [
        ("Hard_Hats", "hard-hat", True),
        ("hardhat", "hard hat", True),
        ("boxes", "box", True),
        ("batteries", "battery", True),
        ("bus", "bu", False),
        ("glass", "glasses", False),
        ("wine glasses", "wineglass", True),
        ("tap", "tape", False),
        ("A+", "A-", False),
        ("size 1-2", "size 12", False),
        ("Größe_A", "größe a", True),
    ],
)
def test_spellings(a, b, same):
    assert (normal_form(a) == normal_form(b)) is same


@given(st.lists(st.from_regex(r"[A-Za-z][A-Za-z0-9]{0,5}[a-z]", fullmatch=True), min_size=1, max_size=3))
def test_separators_and_case_do_not_matter(parts):
    once = normal_form(" ".join(parts))
    assert {normal_form(mark.join(parts)) for mark in ("", "_", "-", " - ")} == {once}
    assert normal_form(f" {' '.join(parts).upper()} ") == once


def test_the_table_says_each_thing_once():
    forms = [normal_form(name) for group in TABLE for name in group]
    repeated = {form for form in forms if forms.count(form) > 1}
    assert not repeated
    assert all(len(group) > 1 for group in TABLE)
    assert all(name == name.strip().lower() for group in TABLE for name in group)


def test_a_wrong_table_is_refused(tmp_path):
    (tmp_path / "own.yaml").write_text("groups: [[a, b], c]\n")
    with pytest.raises(ConfigError, match="groups"):
        synonyms(str(tmp_path / "own.yaml"))


@given(lists, lists)
def test_names_for_the_load_say_the_match_and_nothing_else(ours, theirs):
    match = match_classes(ours, theirs, groups=TABLE)
    target, source = names_for_load(match)
    assert (list(target), list(source)) == (list(range(len(ours))), list(range(len(theirs))))
    reread = {i: t for i in target for t in source if target[i].strip().lower() == source[t].strip().lower()}
    assert reread == match.known


def class_rows(module: Any) -> dict[str, Any]:
    """Weights and bias of the class convolution of each level and head, one row a class."""
    import torch

    detect = module.model[-1]
    branches = {name: getattr(detect, name, None) or () for name in ("cv3", "one2one_cv3")}
    return {
        f"{name}.{level}": torch.cat([parts[-1].weight.flatten(1), parts[-1].bias[:, None]], 1).detach().clone()
        for name, branch in branches.items()
        for level, parts in enumerate(branch)
    }


def loaded(family: str, match: ClassMatch) -> tuple[dict[str, Any], dict[str, Any]]:
    """Class rows of made-up weights, and of a new network after Ultralytics' `load` from them."""
    import torch
    from ultralytics.nn.tasks import DetectionModel

    torch.manual_seed(0)
    source, target = (DetectionModel(f"{family}.yaml", nc=len(n), verbose=False) for n in (match.theirs, match.ours))
    for branch in ("cv3", "one2one_cv3"):
        for parts in getattr(source.model[-1], branch, None) or ():
            torch.nn.init.normal_(parts[-1].bias)
    target.names, source.names = names_for_load(match)
    target.load(source, verbose=False)
    return class_rows(source), class_rows(target)


MANY = [f"kind {i}" for i in range(90)]  # the branch of 90 classes is wider than that of a few
NUMBERS = [str(i) for i in range(6)]


CASES = {
    "synonyms": (["zap", "workers", "hard-hat"], ["helmet", "car", "person", "disc"], [], {1: 2, 2: 0}),
    "wider": (["zap", "workers", "kind 3"], [*MANY, "person"], [], {1: 90, 2: 3}),
    "shared": (["car", "Car", "cars", "zap"], ["bus", "car"], ["cars=car"], {0: 1, 2: 1}),
    "given numbers": (["person", "zap", "car"], NUMBERS, ["person=0", "car=2"], {0: 0, 2: 2}),
    "numbers": (NUMBERS, ["0", "2", "1"], [], {}),
    "as many": (["a", "b", "c"], ["c", "a", "zap"], [], {0: 1, 2: 0}),
    "the same": (["a", "b"], ["a", "b"], [], {0: 0, 1: 1}),
}


@pytest.mark.parametrize(
    "family, case",
    [
        *(("yolo26n", case) for case in CASES),
        *((family, case) for family in ("yolov8n", "yolo11n") for case in ("synonyms", "wider")),
    ],
)
def test_ultralytics_copies_the_rows_of_known_classes_and_no_others(ultralytics, family, case):
    ours, theirs, aliases, expected = CASES[case]
    match = match_classes(ours, theirs, aliases, groups=TABLE)
    assert match.known == expected
    source, target = loaded(family, match)
    assert len(target) == (6 if family == "yolo26n" else 3)
    for place, rows in target.items():
        copied = {(i, t) for i in range(len(ours)) for t in range(len(theirs)) if rows[i].equal(source[place][t])}
        assert copied == set(expected.items()), place


def test_ultralytics_copies_by_position_where_no_name_is_known(ultralytics):
    match = match_classes(["a", "b"], ["c", "d"])
    source, target = loaded("yolo26n", match)
    assert match.by_position
    assert all(rows.equal(source[place]) for place, rows in target.items())
    assert not match_classes(["a", "b"], ["c", "d", "e"]).by_position
