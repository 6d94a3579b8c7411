"""The page of the server, in a real Chromium, against the real server and a toy bundle."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from support.browser import CHROMIUM, Browser, Tab, browser
from support.bundles import toy_bundle
from support.servers import KEY, Process

from yolo_tl.edge import Detector
from yolo_tl.serving.assets import FOLDER

LOW = 0.01  # what the page asks for
READY = "document.getElementById('view').dataset.state === 'ready'"
ROWS = "document.querySelectorAll('#rows tr').length"
MOVE = """(() => { const s = document.getElementById("threshold"); s.value = VALUE;
  s.dispatchEvent(new Event("input", { bubbles: true })); })()"""


@contextmanager
def serving(bundle: Path, *options: str, **environment: str) -> Iterator[str]:
    """The address of a server process."""
    process = Process(bundle, *options, env=environment)
    try:
        yield process.url
    finally:
        process.popen.terminate()
        process.end()


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("there is no Chromium")
    camera = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
    with browser(tmp_path_factory.mktemp("profile"), *camera) as started:
        yield started


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return toy_bundle(tmp_path_factory.mktemp("served") / "bundle")


@pytest.fixture(scope="module")
def server(bundle: Path) -> Iterator[str]:
    with serving(bundle, "--rules", "default") as url:
        yield url


@pytest.fixture(scope="module")
def locked(bundle: Path) -> Iterator[str]:
    """A server without rules that asks for a key."""
    with serving(bundle, YOLO_TL_API_KEY=KEY) as url:
        yield url


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    small = np.random.default_rng(3).integers(0, 256, (7, 9, 3), dtype=np.uint8)
    path = tmp_path_factory.mktemp("picture") / "part 7.png"
    cv2.imwrite(str(path), cv2.resize(small, (160, 120), interpolation=cv2.INTER_CUBIC))
    return path


@pytest.fixture(scope="module")
def scores(bundle: Path, picture: Path) -> list[float]:
    """What the detector itself finds in the picture, best first."""
    (found,) = Detector(bundle, threads=1).predict([cv2.imread(str(picture))], confidence=LOW)
    return [float(score) for score in found.confidence]


@pytest.fixture
def tab(chromium: Browser, server: str) -> Iterator[Tab]:
    opened = chromium.open(f"{server}/")
    opened.until("document.querySelector('#model dd')")
    yield opened
    opened.call("Page.navigate", url="about:blank")


def look(tab: Tab, path: Path) -> None:
    tab.upload("#file", path)
    tab.until(READY)


def text(tab: Tab, name: str) -> str:
    found: str = tab.value(f"document.getElementById('{name}').innerText")
    return found.strip()


def hidden(tab: Tab, name: str) -> bool:
    found: bool = tab.value(f"document.getElementById('{name}').checkVisibility() === false")
    return found


def asked(tab: Tab) -> list[str]:
    """What the server was asked, without the files of the page."""
    return [url.partition("/v1/")[2] for url in tab.requests if "/v1/" in url]


def pixels(tab: Tab, x: float, y: float) -> list[tuple[int, ...]]:
    """Of the canvas, in its own pixels: nine around a place, the place itself in the middle."""
    read = f"document.getElementById('picture').getContext('2d').getImageData({int(x) - 1}, {int(y) - 1}, 3, 3).data"
    values = tab.value(f"Array.from({read})")
    return [tuple(values[start : start + 3]) for start in range(0, len(values), 4)]


def pixel(tab: Tab, x: float, y: float) -> tuple[int, ...]:
    return pixels(tab, x, y)[4]


def close(a: tuple[int, ...], b: tuple[int, ...], tolerance: int = 12) -> bool:
    return max(abs(x - y) for x, y in zip(a, b, strict=True)) <= tolerance


def test_a_page_says_which_model_answers_and_complains_of_nothing(tab: Tab, server: str, model: str) -> None:
    told = text(tab, "model")
    assert "bundle" in told
    assert model[:12] in told
    assert text(tab, "value") == "0.90"
    assert tab.value("document.getElementById('view').dataset.state") == "empty"
    assert all(url.startswith(server) for url in tab.requests)
    assert tab.complaints == []


def test_what_is_found_is_what_the_detector_finds_at_every_threshold(
    tab: Tab, picture: Path, scores: list[float]
) -> None:
    look(tab, picture)
    assert asked(tab) == ["model", "inspect", f"detect?confidence={LOW}"]
    assert len({round(score, 2) for score in scores}) > 10, "the toy is too simple to show anything"
    for limit in (0.9, 0.3, 0.95, 0.6, 0.02):
        tab.value(MOVE.replace("VALUE", str(limit)))
        expected = sum(score > limit for score in scores)
        assert tab.value(ROWS) == expected
        assert text(tab, "total") == str(expected)
        counts = tab.value("[...document.querySelectorAll('#legend b')].map((b) => Number(b.textContent))")
        assert sum(counts) == expected
    assert len(asked(tab)) == 3, "the slider asks nothing"
    assert tab.complaints == []


def set_threshold(tab: Tab, limit: float) -> None:
    """Finer than the steps of the slider."""
    tab.value(f"import('./state.js').then((m) => {{ m.state.threshold = {limit}; }})")
    tab.value("import('./show.js').then((m) => m.show())")


def test_a_box_is_drawn_where_it_was_found(tab: Tab, picture: Path, bundle: Path) -> None:
    image = cv2.imread(str(picture))
    (found,) = Detector(bundle, threads=1).predict([image], confidence=LOW)
    inner = ((found.xyxy > 8) & (found.xyxy < [152, 112, 152, 112])).all(1)
    assert inner.any(), "every box of the toy touches the border"
    one = int(inner.argmax())
    look(tab, picture)
    set_threshold(tab, 0)
    keep = f"import('./state.js').then((m) => {{ const r = m.state.result; r.detections = [r.detections[{one}]]; }})"
    tab.value(keep)
    tab.value("import('./show.js').then((m) => m.show())")
    tab.until(f"{ROWS} === 1")
    colour = tab.value("getComputedStyle(document.querySelector('#rows .swatch')).backgroundColor")
    wanted = tuple(int(part) for part in colour[4:-1].split(","))
    scale = tab.value("document.getElementById('picture').width") / image.shape[1]
    x1, y1, x2, y2 = (found.xyxy[one] * scale).tolist()
    places = [((x1 + x2) / 2, y2), (x1, (y1 + y2) / 2), (x2, (y1 + y2) / 2)]  # above it is the label
    for place in places:
        assert any(close(pixel, wanted) for pixel in pixels(tab, *place)), place
    set_threshold(tab, 1)
    tab.until(f"{ROWS} === 0")
    for place in places:
        assert not any(close(pixel, wanted) for pixel in pixels(tab, *place)), place


def test_masks_turned_boxes_and_keypoints_are_drawn(tab: Tab) -> None:
    runs = [20 * 100 + 40, *[10, 90] * 9, 10]
    rows: list[dict[str, Any]] = [
        {"box": [20, 40, 30, 50], "mask": {"size": [100, 100], "counts": runs}, "class_id": 0},
        {"box": [60, 60, 80, 80], "corners": [[70, 56], [84, 70], [70, 84], [56, 70]], "angle": 0.785, "class_id": 1},
        {"box": [5, 5, 15, 15], "keypoints": [[50, 20, 0.9], [80, 20, 0.1]], "class_id": 2},
    ]
    for row in rows:
        row |= {"confidence": 0.95, "name": "class 0"}
    result = {"size": [100, 100], "detections": rows}
    tab.value(f"import('./state.js').then((m) => {{ m.state.result = {json.dumps(result)}; }})")
    tab.value("import('./show.js').then((m) => m.show())")
    tab.until("document.querySelectorAll('#rows tr').length === 3")
    assert tab.value("document.getElementById('picture').width") == 400
    grey, first, second, third = (119, 119, 119), (47, 155, 255), (255, 138, 60), (34, 192, 139)
    mixed = tuple(round(0.55 * a + 0.45 * b) for a, b in zip(grey, first, strict=True))
    assert close(pixel(tab, 25 * 4, 47 * 4), mixed)
    assert close(pixel(tab, 34 * 4, 47 * 4), grey)
    assert any(close(found, second, 40) for found in pixels(tab, 77 * 4, 77 * 4))  # the middle of a turned side
    assert close(pixel(tab, 60 * 4, 62 * 4), grey)  # where the side would be if it were not turned
    assert close(pixel(tab, 50 * 4, 20 * 4), third)
    assert close(pixel(tab, 80 * 4, 20 * 4), grey), "a keypoint that was only guessed"
    assert "45°" in text(tab, "rows")


def test_a_verdict_belongs_to_the_threshold_of_the_model(tab: Tab, picture: Path) -> None:
    look(tab, picture)
    assert text(tab, "verdict") == "FAIL"
    assert "no-defects" in text(tab, "reasons")
    assert hidden(tab, "other-threshold")
    tab.value("document.getElementById('threshold').focus()")
    tab.press("ArrowLeft", 37)
    assert text(tab, "value") == "0.89"
    assert "0.90" in text(tab, "other-threshold")
    assert "0.89" in text(tab, "other-threshold")
    assert text(tab, "verdict") == "FAIL"
    tab.value("document.getElementById('reset').click()")
    assert text(tab, "value") == "0.90"
    assert hidden(tab, "other-threshold")


def test_what_is_dropped_or_pasted_is_looked_at(tab: Tab, picture: Path) -> None:
    content = base64.b64encode(picture.read_bytes()).decode()
    carry = f"""(() => {{ const bytes = Uint8Array.from(atob("{content}"), (c) => c.charCodeAt(0));
      const carried = new DataTransfer(); carried.items.add(new File([bytes], "NAME", {{ type: "image/png" }}));
      EVENT }})()"""
    drop = 'dispatchEvent(new DragEvent("drop", { dataTransfer: carried, cancelable: true }));'
    paste = 'dispatchEvent(new ClipboardEvent("paste", { clipboardData: carried }));'
    for name, event in (("dropped.png", drop), ("pasted.png", paste)):
        tab.value(carry.replace("NAME", name).replace("EVENT", event))
        tab.until(f"{READY} && document.getElementById('state').innerText.includes('{name}')")
        assert tab.value(ROWS) > 0


def test_a_file_that_is_no_image_is_refused_in_words_and_the_next_one_is_looked_at(
    tab: Tab, picture: Path, tmp_path: Path
) -> None:
    garbage = tmp_path / "notes.png"
    garbage.write_text("no picture " * 9)
    tab.upload("#file", garbage)
    tab.until("!document.getElementById('problem').hidden")
    assert "image" in text(tab, "problem")
    assert tab.value("document.getElementById('problem').getAttribute('role')") == "alert"
    assert tab.value(ROWS) == 0
    assert text(tab, "verdict") == "–"
    look(tab, picture)
    assert hidden(tab, "problem")
    assert tab.value(ROWS) > 0


def test_an_image_that_only_the_server_can_read_still_gets_its_boxes(tab: Tab, picture: Path, tmp_path: Path) -> None:
    tiff = tmp_path / "part.tif"
    cv2.imwrite(str(tiff), cv2.imread(str(picture)))
    look(tab, tiff)
    assert tab.value(ROWS) > 0
    assert "160 × 120" in text(tab, "state")
    set_threshold(tab, 1)
    tab.until(f"{ROWS} === 0")
    assert pixel(tab, 1, 1) == (119, 119, 119)


def test_the_camera_asks_one_frame_at_a_time(tab: Tab) -> None:
    tab.value("document.getElementById('camera').click()")
    tab.until("document.getElementById('rate').innerText.includes('frames/s')")
    tab.until("performance.getEntriesByType('resource').filter((e) => e.name.includes('inspect')).length > 5")
    assert text(tab, "verdict") in ("PASS", "FAIL")
    assert "Stop" in text(tab, "camera")
    tab.value("document.getElementById('camera').click()")
    assert "Start" in text(tab, "camera")
    tab.until(f"{READY} && document.getElementById('state').innerText.includes('Last frame')")
    assert tab.value("document.getElementById('video').srcObject === null")
    waiting, most = set(), 0
    for event in tab.events:
        number = event["params"].get("requestId")
        if event["method"] == "Network.requestWillBeSent" and "/v1/" in event["params"]["request"]["url"]:
            waiting.add(number)
        elif event["method"] in ("Network.loadingFinished", "Network.loadingFailed"):
            waiting.discard(number)
        most = max(most, len(waiting))
    assert most == 1
    assert tab.complaints == []


def test_a_camera_that_is_lost_takes_its_verdict_along(tab: Tab) -> None:
    tab.value("document.getElementById('camera').click()")
    tab.until("['PASS', 'FAIL'].includes(document.getElementById('verdict').innerText)")
    track = "document.getElementById('video').srcObject.getVideoTracks()[0]"
    tab.value(f"{track}.dispatchEvent(new Event('ended'))")
    assert "camera has gone" in text(tab, "problem")
    assert text(tab, "verdict") == "–"
    tab.value("new Promise((done) => setTimeout(done, 300)).then(() => { window.later = true; })")
    tab.until("window.later")
    assert text(tab, "verdict") == "–", "an answer to an earlier frame came in"


def answering(tab: Tab, path: str) -> None:
    """Hold requests to a path back; `answer` and `let` go on with them."""
    tab.call("Fetch.enable", patterns=[{"urlPattern": f"*/v1/{path}"}])


def held(tab: Tab) -> str:
    """The request that is held back."""
    while True:
        for event in tab.events:
            if event["method"] == "Fetch.requestPaused":
                number: str = event["params"]["requestId"]
                return number
        tab.value("0")


def answer(tab: Tab, status: int, **content: Any) -> None:
    """Answer in the server's place."""
    number = held(tab)
    body = base64.b64encode(json.dumps(content).encode()).decode()
    headers = [{"name": "Retry-After", "value": "1"}]
    tab.call("Fetch.fulfillRequest", requestId=number, responseCode=status, responseHeaders=headers, body=body)
    done(tab, number)


def let(tab: Tab) -> None:
    """Let the server answer."""
    number = held(tab)
    tab.call("Fetch.continueRequest", requestId=number)
    done(tab, number)


def done(tab: Tab, number: str) -> None:
    event = next(e for e in tab.events if e["method"] == "Fetch.requestPaused" and e["params"]["requestId"] == number)
    event["method"] = "answered"


@pytest.fixture(scope="module")
def model(bundle: Path) -> str:
    return Detector(bundle, threads=1).sha256


def row(confidence: float, **more: Any) -> dict[str, Any]:
    return {"box": [10, 10, 60, 50], "confidence": confidence, "class_id": 0, "name": "class 0", **more}


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_server_is_asked_again(tab: Tab, picture: Path, status: int) -> None:
    answering(tab, "inspect")
    tab.upload("#file", picture)
    answer(tab, status, error="too many requests", hint="wait")
    tab.until("document.getElementById('state').innerText.includes('busy')")
    let(tab)
    tab.until(READY)
    assert text(tab, "verdict") == "FAIL"


def test_a_server_that_fails_can_be_asked_again(tab: Tab, picture: Path) -> None:
    answering(tab, "inspect")
    tab.upload("#file", picture)
    answer(tab, 500, error="the model failed on this request", hint="the log says why")
    tab.until("!document.getElementById('problem').hidden")
    assert text(tab, "problem-text") == "The model failed on this request"
    assert text(tab, "problem-hint") == "the log says why"
    tab.value("document.getElementById('again').click()")
    let(tab)
    tab.until(READY)
    assert hidden(tab, "problem")
    assert text(tab, "verdict") == "FAIL"


@pytest.mark.parametrize("verdict", ["PASS", "UNKNOWN"])
def test_each_verdict_has_its_word_and_its_colour(tab: Tab, picture: Path, model: str, verdict: str) -> None:
    answering(tab, "inspect")
    tab.upload("#file", picture)
    reasons = [] if verdict == "PASS" else [{"code": "blurred", "text": "sharpness 3 of at least 50", "rule": None}]
    counts = {"no-defects": 0}
    answer(tab, 200, verdict=verdict, reasons=reasons, counts=counts, detections=[], size=[120, 160], model=model)
    tab.until(READY)
    assert text(tab, "verdict") == verdict
    assert ("sharpness 3" in text(tab, "reasons")) is (verdict == "UNKNOWN")
    tone = "getComputedStyle(document.querySelector('.word')).color"
    shown = tab.value(tone)
    tab.value("(document.getElementById('verdict-card').dataset.verdict = 'FAIL', true)")
    assert shown != tab.value(tone)


def test_rules_that_have_gone_leave_the_boxes(tab: Tab, picture: Path) -> None:
    answering(tab, "inspect")
    tab.upload("#file", picture)
    answer(tab, 404, error="this server has no rules", hint="")
    tab.until(READY)
    assert text(tab, "verdict") == "–"
    assert tab.value(ROWS) > 0
    assert asked(tab)[-2:] == ["model", f"detect?confidence={LOW}"]


def test_a_model_that_was_replaced_is_asked_for_its_name(tab: Tab, picture: Path) -> None:
    answering(tab, "*")
    tab.upload("#file", picture)
    found = {"model": "another", "detections": [row(0.95)], "size": [120, 160]}
    answer(tab, 200, verdict="PASS", reasons=[], counts={}, **found)
    answer(tab, 200, saturated=False, **found)
    let(tab)
    tab.until(READY)
    assert asked(tab)[-1] == "model"


def test_a_verdict_and_its_boxes_are_of_one_model(tab: Tab, picture: Path) -> None:
    answering(tab, "detect*")
    tab.upload("#file", picture)
    answer(tab, 200, model="another", detections=[row(0.95)], size=[120, 160], saturated=False)
    let(tab)
    tab.until(READY)
    assert [path.partition("?")[0] for path in asked(tab)] == ["model", *["inspect", "detect"] * 2]
    assert tab.value(ROWS) > 1


def test_what_was_cut_off_is_told(tab: Tab, picture: Path, model: str) -> None:
    answering(tab, "detect*")
    tab.upload("#file", picture)
    answer(tab, 200, model=model, detections=[row(0.95), row(0.5)], size=[120, 160], saturated=True)
    tab.until(READY)
    assert hidden(tab, "incomplete"), "above the threshold nothing is missing"
    tab.value(MOVE.replace("VALUE", "0.3"))
    assert "Below 0.50" in text(tab, "incomplete")


def test_a_threshold_that_is_built_in_is_where_the_slider_ends(tab: Tab, picture: Path) -> None:
    answering(tab, "detect?confidence*")
    tab.upload("#file", picture)
    answer(tab, 422, error="the threshold is part of the network", hint="")
    tab.until(READY)
    assert tab.value("document.getElementById('threshold').min") == "0.9"
    assert tab.value(ROWS) > 0
    assert hidden(tab, "problem")


def test_a_key_is_asked_for_and_kept_for_the_tab(chromium: Browser, locked: str, picture: Path) -> None:
    tab = chromium.open(f"{locked}/")
    asking = "document.getElementById('key-dialog').open"
    for key, told in (("wrong", "asks for a key"), (KEY, "does not know")):
        tab.until(f"{asking} && document.getElementById('key-text').innerText.includes('{told}')")
        assert tab.value("document.activeElement.id") == "key"
        tab.value(f"document.getElementById('key').value = '{key}'")
        tab.value("document.querySelector('#key-dialog .primary').click()")
    tab.until("document.querySelector('#model dd')")
    assert tab.value("sessionStorage.getItem('key')") == KEY
    assert tab.value("localStorage.length") == 0
    assert hidden(tab, "verdict-card"), "a server without rules has no verdict"
    look(tab, picture)
    assert tab.value(ROWS) > 0
    assert all("401" in complaint for complaint in tab.complaints)
    tab.call("Page.navigate", url="about:blank")


def test_a_key_that_is_not_given_is_an_error_with_a_way_on(chromium: Browser, locked: str) -> None:
    tab = chromium.open(f"{locked}/?")
    tab.value("sessionStorage.clear()")
    tab.call("Page.reload")
    tab.until("document.getElementById('key-dialog')?.open")
    tab.value("document.getElementById('key-cancel').click()")
    tab.until("!document.getElementById('problem').hidden")
    tab.value("document.getElementById('again').click()")
    tab.until("document.getElementById('key-dialog').open")
    tab.call("Page.navigate", url="about:blank")


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [360, 768, 1280])
def test_it_fits_every_screen_and_every_control_has_a_name(
    chromium: Browser, server: str, picture: Path, width: int, dark: bool
) -> None:
    tab = chromium.open(f"{server}/", width=width, height=740, dark=dark)
    tab.until("document.querySelector('#model dd')")
    look(tab, picture)
    assert tab.value("document.documentElement.scrollWidth") <= width
    tab.call("Accessibility.enable")
    nodes = tab.call("Accessibility.getFullAXTree")["nodes"]
    controls = [node for node in nodes if node.get("role", {}).get("value") in ("button", "slider", "image", "table")]
    assert len(controls) >= 4
    assert [node for node in controls if not node["name"]["value"]] == []
    light = sum(int(part) for part in tab.value("getComputedStyle(document.body).backgroundColor")[4:-1].split(","))
    assert (light < 200) is dark
    tab.call("Page.navigate", url="about:blank")


def test_the_files_are_small_and_ask_for_nothing_elsewhere() -> None:
    files = sorted(FOLDER.iterdir())
    assert sum(path.stat().st_size for path in files) < 40 * 1024
    for path in files:
        content = path.read_text(encoding="utf-8")
        assert "://" not in content
        assert " style=" not in content, "the policy of the server forbids it"
