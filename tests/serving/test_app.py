"""What the server answers, and what it refuses."""

from __future__ import annotations

import base64
import json
import tempfile
from pathlib import Path

import cv2
import httpx
import numpy as np
import pytest
from fastapi.openapi.models import OpenAPI
from prometheus_client.parser import text_string_to_metric_families
from support.servers import AUTHORISED, IMAGE, KEY, NONE_ALLOWED

from yolo_tl.edge import Detector
from yolo_tl.errors import ConfigError
from yolo_tl.files import sha256
from yolo_tl.inspection.rules import Rule, Rules
from yolo_tl.serving.answers import BatchAnswer, DecisionAnswer, ModelAnswer, PredictionAnswer


def refusal(response: httpx.Response, status: int) -> str:
    """The words of a refusal; nothing of the inside is in them."""
    assert response.status_code == status, response.text
    said = response.json()
    assert set(said) == {"error", "hint"}
    assert "Traceback" not in response.text
    assert tempfile.gettempdir() not in response.text
    return said["error"]


def as_batch(*images: bytes) -> dict[str, list[str]]:
    return {"images": [base64.b64encode(image).decode() for image in images]}


def test_an_image_is_answered_as_the_detector_finds_it(client, bundle, png):
    response = client().post("/v1/detect", png, headers=IMAGE)
    said = response.json()
    found = Detector(bundle, threads=1)(cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR))
    assert len(found) > 0
    assert said["detections"] == json.loads(json.dumps(found.to_rows(("class 0", "class 1", "class 2"))))
    assert said["model"] == response.headers["x-model"] == sha256(bundle / "manifest.json")
    assert said["queue_age"] >= 0
    PredictionAnswer.model_validate(said, strict=True)


@pytest.mark.parametrize("kind", ["image/jpeg", "application/octet-stream", "Image/PNG; x=y", None])
def test_the_media_type_need_not_be_that_of_the_image(client, png, kind):
    headers = {} if kind is None else {"Content-Type": kind}
    assert client().post("/v1/detect", png, headers=headers).status_code == 200


def test_a_batch_is_answered_as_its_images_alone(client, png, jpeg):
    one = client()
    said = one.post("/v1/detect", None, json=as_batch(png, jpeg)).json()
    BatchAnswer.model_validate(said, strict=True)
    alone = [one.post("/v1/detect", image, headers=IMAGE).json() for image in (png, jpeg)]
    assert [p["detections"] for p in said["predictions"]] == [p["detections"] for p in alone]
    assert [p["frame"] for p in said["predictions"]] + [p["frame"] for p in alone] == [0, 1, 2, 3]


def test_thresholds_of_a_request_count_for_it_alone(client, png):
    one = client()
    counts = [
        len(one.post(f"/v1/detect{query}", png, headers=IMAGE).json()["detections"])
        for query in ("?confidence=0.5&iou=1", "?confidence=0.5", "", "?confidence=1")
    ]
    assert counts == sorted(counts, reverse=True)
    assert len(set(counts)) == 4
    assert counts[-1] == 0


@pytest.mark.parametrize("query", ["confidence=1.01", "confidence=nan", "iou=-1", "iou=x", "confidence="])
def test_thresholds_out_of_range_are_refused(client, png, query):
    text = refusal(client().post(f"/v1/detect?{query}", png, headers=IMAGE), 422)
    assert text.startswith(query.partition("=")[0])


@pytest.mark.parametrize("path", ["/v1/detect?conf=0.5", "/v1/detect?confidence=0.5&x=", "/v1/inspect?confidence=0.5"])
def test_a_query_that_would_do_nothing_is_refused(client, png, path):
    assert "not permitted" in refusal(client(rules=NONE_ALLOWED).post(path, png, headers=IMAGE), 422)


@pytest.mark.parametrize("content", [b"", b"no image", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0" + b"\0" * 40])
def test_what_is_no_image_is_refused(client, content):
    assert "expected an image" in refusal(client().post("/v1/detect", content, headers=IMAGE), 422)


def test_a_truncated_image_is_refused_or_looked_at_but_fails_nothing(client, png):
    one = client()
    for end in range(0, len(png), len(png) // 7):
        assert one.post("/v1/detect", png[:end], headers=IMAGE).status_code in (200, 422)
    assert one.post("/v1/detect", png, headers=IMAGE).status_code == 200


def test_a_small_file_with_a_large_picture_is_refused_before_it_is_decoded(client):
    bomb = cv2.imencode(".png", np.zeros((400, 500), np.uint8))[1].tobytes()
    one = client(limits={"pixels": 400 * 500 - 1})
    assert "199,999" in refusal(one.post("/v1/detect", bomb, headers=IMAGE), 422)
    assert client(limits={"pixels": 400 * 500}).post("/v1/detect", bomb, headers=IMAGE).status_code == 200


def test_a_body_may_have_so_many_bytes_and_no_more(client, png):
    exact = client(limits={"body": len(png), "memory": 1 << 20})
    assert exact.post("/v1/detect", png, headers=IMAGE).status_code == 200
    assert str(len(png)) in refusal(exact.post("/v1/detect", png + b"\0", headers=IMAGE), 413)

    async def chunks():
        for _ in range(50):
            yield png[:1000]

    undeclared = client(limits={"body": 10_000})
    assert "more than 10000" in refusal(undeclared.post("/v1/detect", chunks(), headers=IMAGE), 413)
    assert undeclared.service.bodies.held == 0


def test_all_bodies_together_may_have_so_many_bytes(client, png):
    one = client(limits={"body": len(png), "memory": len(png)})
    one.service.bodies.held = 1
    response = one.post("/v1/detect", png, headers=IMAGE)
    refusal(response, 429)
    assert response.headers["retry-after"] == "1"
    assert one.service.bodies.held == 1


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ({"Content-Type": "multipart/form-data; boundary=x"}, "multipart/form-data"),
        ({"Content-Type": "text/plain"}, "text/plain"),
        ({"Content-Type": "image/png", "Content-Encoding": "gzip"}, "gzip"),
    ],
)
def test_other_kinds_of_body_are_refused(client, png, headers, found):
    assert found in refusal(client().post("/v1/detect", png, headers=headers), 415)


@pytest.mark.parametrize(
    "content",
    ['{"images": []}', '{"images": ["???"]}', '{"images": [3]}', '{"image": []}', "[]", "{", '"', "[" * 100_000, "\0"],
)
def test_what_is_no_batch_is_refused(client, content):
    refusal(client().post("/v1/detect", content, headers={"Content-Type": "application/json"}), 422)


def test_a_batch_may_have_so_many_images_and_names_the_broken_one(client, png):
    one = client(limits={"batch": 2})
    assert one.post("/v1/detect", None, json=as_batch(png, png)).status_code == 200
    assert "at most 2" in refusal(one.post("/v1/detect", None, json=as_batch(png, png, png)), 413)
    assert "images[1]" in refusal(one.post("/v1/detect", None, json=as_batch(png, b"x")), 422)


def test_unknown_paths_and_methods(client):
    one = client()
    refusal(one.get("/v1/nothing"), 404)
    refusal(one.get("/v1/detect/"), 404)
    assert one.get("/v1/detect").headers["allow"] == "POST"
    refusal(one.get("/v1/detect"), 405)
    refusal(one.request("BREW", "/"), 405)


def test_verdicts(client, png):
    fails, passes = client(rules=NONE_ALLOWED), client(rules=Rules(rules=(Rule(name="any", min=1),)))
    said = fails.post("/v1/inspect", png, headers=IMAGE).json()
    DecisionAnswer.model_validate(said, strict=True)
    assert (said["verdict"], said["rules"]) == ("FAIL", NONE_ALLOWED.sha256)
    assert said["counts"] == {"nothing": len(said["detections"])}
    assert passes.post("/v1/inspect", png, headers=IMAGE).json()["verdict"] == "PASS"
    assert 'yolo_tl_verdicts_total{verdict="FAIL"} 1.0' in fails.get("/metrics").text
    refusal(fails.post("/v1/inspect", None, json=as_batch(png)), 415)
    refusal(client().post("/v1/inspect", png, headers=IMAGE), 404)


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        (Rule(name="slow", max=0, k_of_n=(1, 3)), "k_of_n of rule slow"),
        (Rule(name="once", max=0, once_per_track=True), "once_per_track of rule once"),
        (Rule(name="other", max=0, classes=("clas 1",)), "no class 'clas 1'; did you mean 'class 1'"),
        (Rule(name="faint", max=0, min_score=0.5), "min_score of rule faint"),
    ],
)
def test_rules_that_cannot_be_kept_are_refused_at_the_start(service, rule, says):
    with pytest.raises(ConfigError, match=says):
        service(rules=Rules(rules=(rule,)))


def test_what_the_model_is(client, bundle):
    said = client(rules=NONE_ALLOWED).get("/v1/model").json()
    ModelAnswer.model_validate(said, strict=True)
    loaded = said.pop("loaded")
    assert loaded > 1.7e9
    assert said == {
        "name": "a",
        "sha256": sha256(bundle / "manifest.json"),
        "task": "detect",
        "names": ["class 0", "class 1", "class 2"],
        "imgsz": [64, 96],
        "head": "raw",
        "thresholds": {"confidence": 0.9, "iou": 0.4, "max_det": 300, "by_class": {}},
        "golden": True,
        "rules": NONE_ALLOWED.sha256,
        "previous": None,
    }


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": f"Basic {KEY}"},
        {"Authorization": KEY},
        {"X-API-Key": KEY + "x"},
        {"X-API-Key": ""},
        {"X-API-Key": b"\xff\xfe"},
    ],
)
def test_without_the_key_nothing_is_told(client, png, headers):
    one = client(api_key=KEY)
    for method, path in (("POST", "/v1/detect"), ("GET", "/v1/model"), ("GET", "/metrics"), ("GET", "/v1/x")):
        response = one.request(method, path, content=png, headers=headers)
        refusal(response, 401)
        assert response.headers["www-authenticate"] == "Bearer"
    for path in ("/healthz", "/readyz", "/openapi.json", "/"):
        assert one.get(path, headers=headers).status_code == 200


@pytest.mark.parametrize("headers", [AUTHORISED, {"authorization": f"bearer  {KEY}"}, {"x-api-key": KEY}])
def test_with_the_key_everything_is(client, png, headers):
    assert client(api_key=KEY).post("/v1/detect", png, headers=headers).status_code == 200


def test_openapi_is_valid_and_lists_the_answers(client):
    document = client().get("/openapi.json").json()
    OpenAPI.model_validate(document)
    detect = document["paths"]["/v1/detect"]["post"]
    assert set(detect["responses"]) == {"200", "401", "408", "413", "415", "422", "429", "500", "503"}
    assert set(detect["requestBody"]["content"]) == {"application/octet-stream", "image/*", "application/json"}
    assert {p["name"] for p in detect["parameters"]} == {"confidence", "iou"}
    assert set(document["paths"]) == {
        "/v1/detect",
        "/v1/inspect",
        "/v1/model",
        "/v1/model/rollback",
        "/healthz",
        "/readyz",
        "/metrics",
    }
    error = document["components"]["schemas"]["ErrorAnswer"]
    assert set(error["properties"]) == {"error", "hint"}
    assert "HTTPValidationError" not in document["components"]["schemas"]


def test_metrics_can_be_read_and_agree_with_what_was_asked(client, png):
    one = client()
    found = len(one.post("/v1/detect", png, headers=IMAGE).json()["detections"])
    one.post("/v1/detect", b"", headers=IMAGE)
    one.get("/nothing")
    response = one.get("/metrics")
    assert response.headers["content-type"].startswith("text/plain; version=0.0.4")
    samples = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(response.text)
        for sample in family.samples
    }
    assert samples["yolo_tl_requests_total", ("path", "/v1/detect"), ("status", "200")] == 1
    assert samples["yolo_tl_requests_total", ("path", "/v1/detect"), ("status", "422")] == 1
    assert samples["yolo_tl_requests_total", ("path", "other"), ("status", "404")] == 1
    assert samples["yolo_tl_rejected_total", ("reason", "image")] == 1
    assert samples["yolo_tl_detections_sum",] == found
    assert samples["yolo_tl_scores_count",] == found
    assert samples["yolo_tl_in_flight",] == 1  # this one
    assert samples["yolo_tl_queue_depth",] == 0
    for stage in ("queue", "decode", "preprocess", "inference", "postprocess"):
        assert samples["yolo_tl_stage_seconds_count", ("stage", stage)] == 1
    (model,) = [key for key in samples if key[0] == "yolo_tl_model_info"]
    assert dict(model[1:])["sha256"] == one.service.shelf.current.sha256


def test_the_page_is_served_as_it_is_and_loads_nothing_from_elsewhere(client):
    response = client().get("/")
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert response.headers["content-security-policy"].startswith("default-src 'self'; ")
    assert response.headers["cache-control"] == "no-store"
    script = client().get("/app.js")
    assert script.headers["content-type"].startswith("text/javascript")
    assert script.headers["x-content-type-options"] == "nosniff"


def test_an_error_that_nobody_expected_is_told_in_a_sentence(client, png, monkeypatch, caplog):
    one = client()
    monkeypatch.setattr(one.service.shelf, "_models", None)
    refusal(one.post("/v1/detect", png, headers=IMAGE), 500)
    assert "Traceback" in caplog.text
    assert 'yolo_tl_rejected_total{reason="failed"} 1.0' in one.get("/metrics").text


def toy_classifier(path: Path) -> Path:
    """A network that names images: the mean of each of the three colours is the score of a class."""
    onnx = pytest.importorskip("onnx")
    from onnx import TensorProto, helper

    nodes = [
        helper.make_node("GlobalAveragePool", ["images"], ["means"]),
        helper.make_node("Flatten", ["means"], ["scores"]),
        helper.make_node("Softmax", ["scores"], ["output0"]),
    ]
    graph = helper.make_graph(
        nodes,
        "toy",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, 32, 32])],
        [helper.make_tensor_value_info("output0", TensorProto.FLOAT, [1, 3])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    names = {0: "red", 1: "green", 2: "blue"}
    properties = {"task": "classify", "stride": 1, "batch": 1, "imgsz": [32, 32], "names": names, "args": {}}
    helper.set_model_props(model, {key: str(value) for key, value in properties.items()})
    onnx.save(model, path)
    return path


def test_a_model_that_classifies_names_the_image(client, tmp_path):
    green = cv2.imencode(".png", np.full((40, 50, 3), (0, 255, 0), np.uint8))[1].tobytes()
    only_red = Rules(rules=(Rule(name="red", classes=("red",), exactly=1),))
    one = client(toy_classifier(tmp_path / "toy.onnx"), rules=only_red)
    said = one.post("/v1/detect", green, headers=IMAGE).json()
    PredictionAnswer.model_validate(said, strict=True)
    assert said["classes"][0]["name"] == "green"
    assert "detections" not in said
    assert one.post("/v1/inspect", green, headers=IMAGE).json()["verdict"] == "FAIL"
    assert one.get("/v1/model").json()["thresholds"] is None
    assert one.get("/readyz").status_code == 200
    assert "no confidence" in refusal(one.post("/v1/detect?confidence=0.5", green, headers=IMAGE), 422)
    with pytest.raises(ConfigError, match="min_size of rule small"):
        client(tmp_path / "toy.onnx", rules=Rules(rules=(Rule(name="small", max=0, min_size=3.0),)))
