"""Requests that wait: for how long, how many, and for whom; and whether the server is ready."""

from __future__ import annotations

import asyncio
import threading

import numpy as np
import pytest
from support.servers import IMAGE, Client

from yolo_tl.edge.model import Model
from yolo_tl.errors import ParityError, RuntimeFailure
from yolo_tl.serving.limits import Limits

PATIENCE = 30


class Held:
    """Every look at an image waits until it is let go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.go_on = threading.Event()
        self.looks = 0
        observe = Model.observe

        def waits(model, frame, **options):
            self.looks += 1
            assert self.go_on.wait(PATIENCE)
            return observe(model, frame, **options)

        monkeypatch.setattr(Model, "observe", waits)

    async def until(self, looks: int) -> None:
        for _ in range(PATIENCE * 100):
            if self.looks >= looks:
                return
            await asyncio.sleep(0.01)
        raise AssertionError(f"expected {looks} looks, found {self.looks}")


@pytest.fixture
def held(monkeypatch):
    """Hold the workers of services that were made before this is called."""
    made: list[Held] = []

    def hold() -> Held:
        made.append(Held(monkeypatch))
        return made[-1]

    yield hold
    for one in made:
        one.go_on.set()


async def ask(client, png):
    return await client.post("/v1/detect", content=png, headers=IMAGE)


def test_a_full_queue_says_429_and_loses_nothing(client, png, held):
    one = client(limits={"queue": 2})
    hold = held()

    async def run():
        async with one.open() as http:
            waiting = [asyncio.create_task(ask(http, png)) for _ in range(3)]
            await hold.until(1)
            for _ in range(PATIENCE * 100):
                if one.service.workers.depth == 2:
                    break
                await asyncio.sleep(0.01)
            refused = await ask(http, png)
            assert (await http.get("/healthz")).status_code == 200  # the event loop is free
            hold.go_on.set()
            return refused, await asyncio.gather(*waiting)

    refused, answered = asyncio.run(run())
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
    assert [response.status_code for response in answered] == [200] * 3
    assert 'yolo_tl_rejected_total{reason="queue"} 1.0' in one.get("/metrics").text


def test_an_answer_that_comes_too_late_is_503(client, png, held):
    one = client(limits={"timeout": 0.3})
    hold = held()

    async def run():
        async with one.open() as http:
            return await asyncio.gather(ask(http, png), ask(http, png))

    late = asyncio.run(run())
    assert [response.status_code for response in late] == [503] * 2
    assert late[0].headers["retry-after"] == "1"
    hold.go_on.set()
    assert one.post("/v1/detect", png, headers=IMAGE).status_code == 200
    assert hold.looks == 2  # nobody looked at the one that waited


def test_a_batch_ends_at_its_deadline(client, png, monkeypatch):
    one = client(limits={"timeout": 0.5})
    looks, observe = [], Model.observe

    def slowly(model, frame, **options):
        looks.append(frame.number)
        threading.Event().wait(0.4)
        return observe(model, frame, **options)

    monkeypatch.setattr(Model, "observe", slowly)
    import base64

    batch = {"images": [base64.b64encode(png).decode()] * 16}
    assert one.post("/v1/detect", None, json=batch).status_code == 503
    one.service.workers.close()
    assert len(looks) < 16


def test_a_client_that_leaves_is_not_worked_for(client, png, held):
    one = client()
    hold = held()

    async def leaves() -> None:
        gone = asyncio.Event()
        body = iter([{"type": "http.request", "body": png, "more_body": False}])

        async def receive():
            for message in body:
                return message
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(message) -> None:
            pass

        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": "POST",
            "path": "/v1/detect",
            "raw_path": b"/v1/detect",
            "query_string": b"",
            "root_path": "",
            "scheme": "http",
            "headers": [(b"content-type", b"image/png")],
        }
        async with one.open() as http:
            first = asyncio.create_task(ask(http, png))
            await hold.until(1)
            left = asyncio.create_task(one.app(scope, receive, send))
            while one.service.workers.depth < 1:
                await asyncio.sleep(0.01)
            gone.set()
            await left
            hold.go_on.set()
            assert (await first).status_code == 200

    asyncio.run(asyncio.wait_for(leaves(), PATIENCE))
    one.service.workers.close()
    assert hold.looks == 1
    assert 'yolo_tl_requests_total{path="/v1/detect",status="499"} 1.0' in one.get("/metrics").text


def test_a_server_that_is_shutting_down_says_so(client, png):
    one = client()
    one.service.readiness.draining = True
    assert one.get("/readyz").status_code == 503
    assert "shutting down" in one.get("/readyz").json()["error"]
    assert one.get("/healthz").status_code == 200
    assert one.post("/v1/detect", png, headers=IMAGE).status_code == 200
    one.service.workers.close()
    assert one.post("/v1/detect", png, headers=IMAGE).status_code == 503


def test_a_server_whose_worker_hangs_is_not_ready(client, png, held):
    one = client(limits={"probe": 0.2})
    hold = held()
    response = one.get("/readyz")
    assert (response.status_code, response.headers["retry-after"]) == (503, "1")
    assert "0.2 s" in response.json()["error"]
    hold.go_on.set()


def test_a_full_queue_does_not_make_it_unready(client, png, held):
    one = client(limits={"queue": 1, "probe": PATIENCE})
    hold = held()

    async def run() -> int:
        async with one.open() as http:
            asked = [asyncio.create_task(ask(http, png)) for _ in range(2)]
            await hold.until(1)
            ready = asyncio.create_task(http.get("/readyz"))
            await asyncio.sleep(0.05)
            hold.go_on.set()
            assert {(await one).status_code for one in asked} <= {200, 429}
            return (await ready).status_code

    assert asyncio.run(run()) == 200


@pytest.mark.parametrize("how", ["fails", "finds something else", "finds nothing"])
def test_a_server_whose_model_does_not_find_what_it_did_is_not_ready(client, monkeypatch, how):
    one = client()
    engine = one.service.shelf.current._first
    run = engine.pipeline.network.run

    def wrong(tensor):
        if how == "fails":
            raise RuntimeFailure("out of order")
        outputs = run(tensor)
        if how == "finds nothing":
            return tuple(np.zeros_like(output) for output in outputs)
        return tuple(output + (np.arange(output.shape[1]) < 4)[None, :, None] * 3.0 for output in outputs)

    monkeypatch.setattr(type(engine.pipeline.network), "run", lambda self, tensor: wrong(tensor))
    response = one.get("/readyz")
    assert response.status_code == 503
    assert ("out of order" if how == "fails" else "otherwise") in response.json()["error"]


def test_readiness_is_known_for_a_moment_and_looked_at_once(client, monkeypatch):
    one = client()
    looks, probe = [], type(one.service.shelf.current).probe
    monkeypatch.setattr(type(one.service.shelf.current), "probe", lambda self: (looks.append(1), probe(self)))

    async def many() -> list[int]:
        async with one.open() as http:
            return [r.status_code for r in await asyncio.gather(*[http.get("/readyz") for _ in range(20)])]

    assert asyncio.run(many()) == [200] * 20
    assert 1 <= len(looks) <= 2


def test_a_model_whose_golden_set_comes_out_otherwise_is_not_served(service, tmp_path):
    import json

    from support.bundles import rehash, toy_bundle

    folder = toy_bundle(tmp_path / "wrong")
    golden = folder / "golden" / "golden.json"
    content = json.loads(golden.read_text())
    content["images"][0]["classes"][0] += 1
    golden.write_text(json.dumps(content))
    rehash(folder)
    with pytest.raises(ParityError, match="golden set"):
        service(folder)


def test_a_network_without_a_bundle_is_served_and_says_that_it_is_not_proven(client, bundle, png):
    one: Client = client(bundle / "model.onnx")
    assert one.get("/v1/model").json()["golden"] is False
    assert one.get("/readyz").status_code == 200
    assert one.post("/v1/detect", png, headers=IMAGE).status_code == 200


def test_workers_have_engines_of_their_own(service):
    served = service(workers=2).shelf.current
    with served.engine() as one, served.engine() as other:
        assert one.pipeline.network is not other.pipeline.network


@pytest.mark.parametrize("wrong", [{"queue": -1}, {"body": 0}, {"timeout": 0}, {"head": -1}, {"memory": 1}])
def test_limits_that_mean_nothing_are_refused(wrong):
    from yolo_tl.errors import ConfigError

    with pytest.raises(ConfigError, match=rf"limits\.{next(iter(wrong))}"):
        Limits(**wrong)
