from __future__ import annotations

from dataclasses import asdict, fields
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from yolo_tl.config import AugmentConfig, ExportConfig, TrainConfig, flatten_schema, save, to_mapping
from yolo_tl.errors import ConfigError, PresetNotFound
from yolo_tl.presets import parse_assignment, presets, resolve

ROOT = Path(__file__).resolve().parent.parent


def test_later_layers_win_and_sources_say_which(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("extends: head-only\nepochs: 7\nbatch: 4\naugment: {mosaic: 0.25}\n")
    found = resolve(TrainConfig, kind="train", preset="full", file=file, overrides={"batch": 2})
    assert (found.config.epochs, found.config.batch, found.config.freeze) == (7, 2, "trunk")
    assert found.config.augment.mosaic == 0.25
    assert found.sources["epochs"] == str(file)
    assert found.sources["batch"] == "user"
    assert found.sources["freeze"] == "preset head-only"
    assert found.sources["imgsz"] == "default"


@pytest.mark.parametrize("kind, schema", [("train", TrainConfig), ("export", ExportConfig)])
def test_every_preset_loads_and_is_named_in_the_readme(kind, schema):
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    known = presets(kind)
    assert known
    for name, about in known.items():
        resolve(schema, kind=kind, preset=name)
        assert about, f"{name} has no about line"
        assert f"`{name}`" in readme


def test_unknown_key_names_its_closest_match():
    with pytest.raises(ConfigError, match=r"'epoch'.*did you mean 'epochs'"):
        resolve(TrainConfig, kind="train", overrides={"epoch": 3})
    with pytest.raises(ConfigError, match=r"did you mean 'augment.mosaic'"):
        resolve(TrainConfig, kind="train", overrides={"augment": {"mosaics": 3}})


def test_unknown_preset_names_its_closest_match():
    with pytest.raises(PresetNotFound, match="did you mean 'small-data'") as caught:
        resolve(TrainConfig, kind="train", preset="smal-data")
    assert caught.value.exit_code == 2
    assert "head-only" in caught.value.hint


@pytest.mark.parametrize(
    "overrides, where",
    [
        ({"epochs": "many"}, "epochs: expected int"),
        ({"epochs": 0}, "epochs: expected at least 1"),
        ({"imgsz": 33}, "imgsz: expected a positive multiple of 32"),
        ({"optimizer": "auto"}, "optimizer: expected 'AdamW'"),
        ({"epochs": True}, "epochs: expected int"),
        ({"augment.mosaic": "much"}, "augment.mosaic: expected float"),
        ({"freeze": {"a": 1}}, "unknown key 'freeze.a'"),
    ],
)
def test_bad_values_name_the_key(overrides, where):
    with pytest.raises(ConfigError, match=where):
        resolve(TrainConfig, kind="train", overrides=overrides)


def test_yaml_numbers_written_as_text_are_numbers():
    assert resolve(TrainConfig, kind="train", overrides={"lr": "1e-3"}).config.lr == 0.001
    assert resolve(TrainConfig, kind="train", overrides={"device": 0}).config.device == "0"


@pytest.mark.parametrize("content", ["- a\n", "a: [\n", b"\xff\xfe\x00"])
def test_malformed_file_is_named(tmp_path, content):
    file = tmp_path / "bad.yaml"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ConfigError, match="bad.yaml"):
        resolve(TrainConfig, kind="train", file=file)


def test_preset_that_extends_itself(tmp_path, monkeypatch):
    (tmp_path / "configs" / "train").mkdir(parents=True)
    (tmp_path / "configs" / "train" / "a.yaml").write_text("extends: b\n")
    (tmp_path / "configs" / "train" / "b.yaml").write_text("extends: a\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="a → b → a"):
        resolve(TrainConfig, kind="train", preset="a")


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "epochs": st.integers(1, 10_000),
            "lr": st.floats(1e-6, 1),
            "freeze": st.one_of(st.integers(0, 30), st.lists(st.integers(0, 30) | st.text(max_size=4)), st.text()),
            "augment.mosaic": st.floats(0, 1),
            "cosine": st.booleans(),
        },
    )
)
def test_what_is_saved_resolves_to_the_same(tmp_path_factory, overrides):
    first = resolve(TrainConfig, kind="train", overrides=overrides).config
    file = tmp_path_factory.mktemp("round") / "config.yaml"
    save(file, first)
    assert resolve(TrainConfig, kind="train", file=file).config == first


def test_every_field_has_help_and_every_key_is_flat():
    for schema in (TrainConfig, ExportConfig, AugmentConfig):
        assert all(f.metadata["help"] for f in fields(schema))
    keys = flatten_schema(TrainConfig)
    assert len(keys) == len(set(keys))
    assert "augment.fliplr" in keys
    assert "augment" not in keys


@pytest.mark.parametrize("text", ["epochs", "=3", ""])
def test_assignment_without_a_key_or_value(text):
    with pytest.raises(ConfigError, match="KEY=VALUE"):
        parse_assignment(text)


def test_mapping_is_plain_yaml():
    mapping = to_mapping(TrainConfig())
    assert yaml.safe_load(yaml.safe_dump(mapping)) == mapping
    assert list(mapping) == list(asdict(TrainConfig()))
