from __future__ import annotations

import pytest

from yolo_tl.errors import ConfigError, PresetNotFound
from yolo_tl.presets import presets
from yolo_tl.transfer.pipelines import read_pipeline


def written(tmp_path, text):
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_every_shipped_pipeline_reads_and_says_what_it_is_for():
    shipped = presets("augment")
    assert {"blur-noise", "inspection", "lighting", "microscope", "overhead", "rotation"} <= set(shipped)
    for name, about in shipped.items():
        spec = read_pipeline(name)
        assert spec.name == name
        assert spec.about == about != ""
        assert spec.entries
        assert set(spec.content) == {"about", "transforms"}


@pytest.mark.parametrize("name", ["none", "ultralytics"])
def test_the_two_without_a_file_hold_nothing(name):
    spec = read_pipeline(name)
    assert spec.entries == ()
    assert spec.about


def test_entries_know_their_place(tmp_path):
    path = written(
        tmp_path,
        "transforms:\n"
        "  - {name: Blur, p: 0.1}\n"
        "  - {name: OneOf, p: 1, transforms: [{name: A}, {name: Sequential, transforms: [{name: B, x: 2}]}]}\n",
    )
    first, second = read_pipeline(path).entries
    assert (first.name, dict(first.parameters), first.where) == ("Blur", {"p": 0.1}, f"{path}, transforms[0]")
    assert dict(second.parameters) == {"p": 1}
    inner = second.entries[1].entries[0]
    assert inner.where == f"{path}, transforms[1].transforms[1].transforms[0]"
    assert dict(inner.parameters) == {"x": 2}


def test_a_pipeline_beside_the_user_comes_before_the_shipped_one(tmp_path, monkeypatch):
    folder = tmp_path / "configs" / "augment"
    folder.mkdir(parents=True)
    (folder / "lighting.yaml").write_text("about: my own\ntransforms: [{name: Blur}]\n")
    monkeypatch.chdir(tmp_path)
    assert read_pipeline("lighting").about == "my own"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "transforms: expected a list of transforms, found nothing"),
        ("transforms: []", "transforms: expected a list of transforms, found an empty list"),
        ("transforms: {name: Blur}", "transforms: expected a list of transforms, found dict"),
        ("transforms: [Blur]", r"transforms\[0\]: expected a transform with its `name`, found 'Blur'"),
        ("transforms: [{p: 1}]", r"transforms\[0\]: expected a transform with its `name`, found \{'p': 1\}"),
        ("transforms: [{name: Blur, p: 1.5}]", r"transforms\[0\]: Blur: p: expected a probability .*, found 1.5"),
        ("transforms: [{name: OneOf, p: -1, transforms: [{name: Blur}]}]", "OneOf: p: expected a probability"),
        ("transforms: [{name: Blur, p: often}]", "Blur: p: expected a probability between 0 and 1, found 'often'"),
        ("transforms: [{name: Blur, p: true}]", "Blur: p: expected a probability between 0 and 1, found True"),
        ("transforms: [{name: OneOf, transforms: []}]", r"transforms\[0\].transforms: expected a list .* empty"),
        ("transform: [{name: Blur}]", "unknown key 'transform'; did you mean 'transforms'?"),
        ("transforms: [", "not a valid YAML file"),
        ("- name: Blur", "expected keys and values, found list"),
    ],
)
def test_what_is_malformed_is_named_with_its_place(tmp_path, text, message):
    path = written(tmp_path, text)
    with pytest.raises(ConfigError, match=message) as caught:
        read_pipeline(path)
    assert caught.value.message.startswith(str(path))


def test_an_unknown_name_is_answered_with_the_known_ones(tmp_path):
    with pytest.raises(
        PresetNotFound, match=r"unknown augmentation pipeline 'lightning'; did you mean 'lighting'"
    ) as e:
        read_pipeline("lightning")
    assert "none, ultralytics, " in e.value.hint
    assert "rotation" in e.value.hint
    with pytest.raises(PresetNotFound, match="no such preset file"):
        read_pipeline(tmp_path / "nowhere.yaml")
