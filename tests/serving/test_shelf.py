"""A model is exchanged while it answers: proven first, in one step, with a way back."""

from __future__ import annotations

import asyncio
import json
import shutil
import threading
import weakref
from functools import partial

import httpx
import pytest
from support.bundles import change_manifest, rehash, toy_bundle
from support.servers import AUTHORISED, IMAGE, KEY, Client
from support.toys import toy_network

from yolo_tl.edge.decode import Thresholds
from yolo_tl.files import sha256
from yolo_tl.inspection.rules import Rule, Rules
from yolo_tl.serving.served_model import ServedModel


@pytest.fixture
def folder(models, tmp_path):
    """A folder of models that a test may spoil."""
    shutil.copytree(models, tmp_path / "models")
    return tmp_path / "models"


@pytest.fixture
def one(client, folder) -> Client:
    return client(folder / "a", models=folder, api_key=KEY)


def swap(client: Client, path: object) -> httpx.Response:
    return client.post("/v1/model", None, json={"path": str(path)}, headers=AUTHORISED)


def model(client: Client) -> dict:
    return client.get("/v1/model", headers=AUTHORISED).json()


def found(client: Client, image: bytes) -> tuple[str, list]:
    said = client.post("/v1/detect", image, headers={**IMAGE, **AUTHORISED}).json()
    return said["model"], said["detections"]


def assert_stays(client: Client, response: httpx.Response, status: int, says: str) -> None:
    """The exchange is refused, and the old model goes on."""
    assert response.status_code == status, response.text
    assert says in response.json()["error"]
    assert model(client)["name"] == "a"
    assert model(client)["previous"] is None
    assert client.get("/readyz").status_code == 200
    assert 'yolo_tl_model_exchanges_total{outcome="done"}' not in client.get("/metrics", headers=AUTHORISED).text


@pytest.mark.parametrize("absolute", [False, True])
def test_another_model_answers_and_the_first_again_after_a_rollback(one, folder, png, absolute):
    a, b = sha256(folder / "a" / "manifest.json"), sha256(folder / "b" / "manifest.json")
    first = found(one, png)
    said = swap(one, folder / "b" if absolute else "b").json()
    assert (said["name"], said["sha256"], said["previous"]) == ("b", b, a)
    second = found(one, png)
    assert (first[0], second[0]) == (a, b)
    assert first[1] != second[1]
    assert one.get("/readyz").json()["model"] == b
    text = one.get("/metrics", headers=AUTHORISED).text
    assert b in text
    assert a not in text
    back = one.post("/v1/model/rollback", headers=AUTHORISED).json()
    assert (back["sha256"], back["previous"]) == (a, b)
    assert found(one, png) == first
    assert one.post("/v1/model/rollback", headers=AUTHORISED).json()["sha256"] == b


def test_the_same_model_again_changes_nothing(one):
    assert swap(one, "a").json()["previous"] is None


def test_there_is_nothing_to_go_back_to_before_an_exchange(one):
    assert one.post("/v1/model/rollback", headers=AUTHORISED).status_code == 409


def test_only_with_a_key_and_a_folder(client, folder, models):
    keyless = Client(client(folder / "a").service)
    for path in ("/v1/model", "/v1/model/rollback"):
        assert keyless.post(path, None, json={"path": "b"}).status_code == 403
    assert_stays(fixed := client(folder / "a", api_key=KEY), swap(fixed, folder / "b"), 403, "exchanges no models")


def test_only_from_the_folder(one, folder, tmp_path):
    toy_bundle(tmp_path / "outside", seed=1)
    (folder / "link").symlink_to(tmp_path / "outside")
    (folder / "circle").symlink_to(folder / "circle")
    for path in ("../outside", tmp_path / "outside", "link", "b/../../outside", ".", "/", "..", f"{folder}x"):
        assert_stays(one, swap(one, path), 403, "folder of models")
    for path in ("nothing", "circle", "a\0b", "x" * 5000):
        assert swap(one, path).status_code == 422


def test_a_damaged_bundle_is_refused(one, folder):
    path = folder / "b" / "model.onnx"
    path.write_bytes(path.read_bytes()[:-1])
    assert_stays(one, swap(one, "b"), 422, "model.onnx")


def test_a_bundle_that_finds_something_else_is_refused(one, folder):
    golden = folder / "b" / "golden" / "golden.json"
    content = json.loads(golden.read_text())
    content["images"][0]["boxes"][0][0] += 3
    golden.write_text(json.dumps(content))
    rehash(folder / "b")
    assert_stays(one, swap(one, "b"), 422, "golden set comes out differently")


def test_a_model_that_is_not_proven_is_refused(one, folder):
    toy_bundle(folder / "bare", golden=False, seed=1)
    assert_stays(one, swap(one, "bare"), 422, "golden set")
    assert_stays(one, swap(one, "bare/model.onnx"), 422, "golden set")


def test_a_model_with_other_classes_is_refused(one, folder, monkeypatch):
    monkeypatch.setattr("support.bundles.toy_network", partial(toy_network, classes=2))
    toy_bundle(folder / "two")
    assert_stays(one, swap(one, "two"), 409, "class 0, class 1, class 2, found one for detect of class 0, class 1")


def test_a_model_with_names_that_are_not_its_own_is_refused(one, folder):
    change_manifest(folder / "b", lambda content: content.update(names=["x", "y", "z"]))
    assert_stays(one, swap(one, "b"), 422, "names")


def test_a_model_that_the_rules_do_not_fit_is_refused(client, folder):
    rules = Rules(rules=(Rule(name="faint", max=0, min_score=0.9),))
    one = client(folder / "a", models=folder, api_key=KEY, rules=rules)
    toy_bundle(folder / "c", seed=1, thresholds=Thresholds(confidence=0.95))
    assert_stays(one, swap(one, "c"), 422, "min_score of rule faint")


@pytest.mark.parametrize("content", [b"", b"{}", b'{"path": 3}', b'{"path": "b", "x": 1}', b"\xff", b"[" * 99_999])
def test_what_names_no_path_is_refused(one, content):
    headers = {**AUTHORISED, "Content-Type": "application/json"}
    assert one.post("/v1/model", content, headers=headers).status_code == 422
    assert one.post("/v1/model", content, headers={**AUTHORISED, **IMAGE}).status_code == 415


def test_one_exchange_at_a_time(one, monkeypatch):
    shelf = one.service.shelf
    loading, go_on = threading.Event(), threading.Event()
    load = shelf._load

    def slowly(path):
        loading.set()
        assert go_on.wait(30)
        return load(path)

    monkeypatch.setattr(shelf, "_load", slowly)
    first = threading.Thread(target=lambda: shelf.swap("b"))
    first.start()
    assert loading.wait(30)
    assert swap(one, "b").status_code == 409
    assert one.post("/v1/model/rollback", headers=AUTHORISED).status_code == 409
    assert model(one)["name"] == "a"
    go_on.set()
    first.join(30)
    assert model(one)["name"] == "b"


def test_what_happens_to_the_files_does_not_matter_to_a_model_that_answers(one, folder, png):
    before = found(one, png)
    shutil.rmtree(folder / "a")
    shutil.copytree(folder / "b", folder / "a")
    assert found(one, png) == before
    assert one.get("/readyz").json()["model"] == before[0]


@pytest.mark.parametrize("workers", [1, 3])
def test_no_request_is_lost_or_answered_by_two_models_while_they_change(client, folder, png, workers):
    one = client(folder / "a", models=folder, api_key=KEY, workers=workers, limits={"queue": 1000})
    truth = {}
    for name in ("a", "b", "a"):
        assert swap(one, name).status_code == 200
        answer = found(one, png)
        truth[answer[0]] = answer[1]
    assert len(truth) == 2

    async def all_at_once() -> set[str]:
        seen = set()
        async with one.open() as client:

            async def ask() -> None:
                for _ in range(12):
                    response = await client.post("/v1/detect", content=png, headers={**IMAGE, **AUTHORISED})
                    assert response.status_code == 200
                    said = response.json()
                    assert said["detections"] == truth[said["model"]]
                    assert response.headers["x-model"] == said["model"]
                    seen.add(said["model"])

            async def exchange() -> None:
                for name in "baba":
                    response = await client.post("/v1/model", json={"path": name}, headers=AUTHORISED)
                    assert response.status_code == 200

            await asyncio.gather(exchange(), *[ask() for _ in range(8)])
        return seen

    assert asyncio.run(all_at_once()) == set(truth)


def test_only_two_models_are_kept_and_freed_memory_is_given_back(one, folder, monkeypatch):
    given = []
    monkeypatch.setattr("yolo_tl.serving.service.release", lambda: given.append(len(gone())))
    kept = []

    def gone() -> list[int]:
        return [number for number, model in enumerate(kept) if model() is None]

    for number in range(6):
        assert swap(one, "ba"[number % 2]).status_code == 200
        kept.append(weakref.ref(one.service.shelf.current))
    assert gone() == [0, 1, 2, 3]
    assert len(given) == 6


def test_readiness_is_that_of_the_model_that_answers_now(one, monkeypatch):
    looks: list[str] = []
    monkeypatch.setattr(ServedModel, "probe", lambda self: looks.append(self.sha256))
    for name in "bab":
        assert one.get("/readyz").status_code == 200
        assert looks[-1] == one.service.shelf.current.sha256
        assert swap(one, name).status_code == 200
    assert len(looks) == 3
