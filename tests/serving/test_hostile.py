"""Whatever is sent: an answer or a refusal, never a failure, and the next request is answered."""

from __future__ import annotations

import asyncio
import base64
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.bundles import ONE
from support.servers import IMAGE, NONE_ALLOWED, Client

from yolo_tl.serving.limits import Limits
from yolo_tl.serving.service import Service

ALLOWED = {200, 401, 403, 404, 405, 408, 409, 413, 415, 422, 429}


@pytest.fixture(scope="module")
def one(bundle, models):
    limits = Limits(body=200_000, pixels=100_000, batch=3)
    service = Service(bundle, rules=NONE_ALLOWED, limits=limits, options=ONE)
    yield Client(service)
    service.workers.close()


@st.composite
def damaged(draw: st.DrawFn, whole: bytes) -> bytes:
    """An image with bytes changed, left out or put in, mostly where its headers are."""
    content = bytearray(whole)
    for _ in range(draw(st.integers(1, 6))):
        place = draw(st.integers(0, min(len(content), 80) if draw(st.booleans()) else len(content)))
        how = draw(st.sampled_from(["change", "cut", "insert"]))
        if how == "cut":
            del content[place : place + draw(st.integers(1, 2000))]
        else:
            new = draw(st.binary(min_size=1, max_size=8))
            content[place : place + (len(new) if how == "change" else 0)] = new
    return bytes(content)


def assert_sound(responses) -> None:
    for response in responses:
        assert response.status_code in ALLOWED, response.text
        if response.status_code == 200 and "json" in response.headers["content-type"]:
            json.loads(response.content, parse_constant=lambda name: pytest.fail(name))
        elif response.status_code != 200:
            assert set(response.json()) == {"error", "hint"}


def ask(one: Client, *requests: tuple[str, str, dict]) -> list:
    async def all_of_them() -> list:
        async with one.open() as client:
            return [await client.request(method, path, **options) for method, path, options in requests]

    return asyncio.run(all_of_them())


@settings(max_examples=120)
@given(data=st.data())
def test_damaged_images(one, png, jpeg, data):
    content = data.draw(damaged(data.draw(st.sampled_from([png, jpeg]))))
    batch = {"images": [base64.b64encode(content).decode()]}
    alone, judged, among = ask(
        one,
        ("POST", "/v1/detect", {"content": content, "headers": IMAGE}),
        ("POST", "/v1/inspect", {"content": content, "headers": IMAGE}),
        ("POST", "/v1/detect", {"json": batch}),
    )
    assert_sound([alone, judged, among])
    assert alone.status_code == judged.status_code == among.status_code


TEXT = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30)
TYPES = st.sampled_from(
    ["image/png", "application/json", "multipart/form-data; boundary=x", "application/octet-stream", "", ";", "image"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=20) | st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["images", "path", "x"]), inner),
    max_leaves=8,
)


@settings(max_examples=120)
@given(
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "BREW"]),
    path=st.sampled_from(
        ["/v1/detect", "/v1/inspect", "/v1/model", "/v1/model/rollback", "/readyz", "/", "/%00", "//", "/v1"]
    ),
    query=st.dictionaries(st.sampled_from(["confidence", "iou", "x"]), TEXT | st.floats().map(str), max_size=3),
    kind=TYPES | TEXT,
    more=st.dictionaries(
        st.sampled_from(["Content-Encoding", "X-API-Key", "Authorization", "Expect", "Origin"]), TEXT, max_size=2
    ),
    content=st.binary(max_size=300) | JSON.map(lambda value: json.dumps(value).encode()),
)
def test_any_request(one, method, path, query, kind, more, content):
    headers = {"Content-Type": kind, **more}
    response, after = ask(
        one, (method, path, {"params": query, "headers": headers, "content": content}), ("GET", "/readyz", {})
    )
    if method != "HEAD":
        assert_sound([response])
    assert response.status_code in ALLOWED
    assert after.status_code == 200
    assert one.service.bodies.held == 0


def test_it_still_finds_what_it_found(one, bundle, png):
    (response,) = ask(one, ("POST", "/v1/detect", {"content": png, "headers": IMAGE}))
    assert response.status_code == 200
    assert response.json()["detections"]
