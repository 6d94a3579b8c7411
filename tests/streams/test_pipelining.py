"""Every frame once and in order through three threads, what becomes of errors, and that no thread is left."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.fake_source import FakeSource, picture

from yolo_tl.edge import Detector, Frame, Prediction
from yolo_tl.edge.artifact import Artifact
from yolo_tl.edge.network import NetworkInfo
from yolo_tl.edge.pipeline import Pipeline
from yolo_tl.errors import ConfigError, RuntimeFailure
from yolo_tl.streams import IterableSource, Stream, StreamOptions, pipelined

WAIT_S = 60.0


class BrightnessNetwork:
    """Finds one box, whose confidence is the mean of the picture."""

    def __init__(self, before: Callable[[int], None] = lambda number: None, *, bad: int | None = None) -> None:
        self.path = Path("brightness")
        self.info = NetworkInfo("detect", ("thing",), "raw", (32, 32))
        self.runs = 0
        self._before = before
        self._bad = bad

    def run(self, tensor):
        self.runs += 1
        self._before(self.runs - 1)
        outputs = np.zeros((1, 5, 4), np.float32)
        outputs[0, :4, 0] = (16, 16, 8, 8)
        outputs[0, 4, 0] = np.nan if self.runs - 1 == self._bad else tensor.mean()
        return (outputs,)


def detector_of(network: BrightnessNetwork) -> Detector:
    detector = Detector(Artifact(network.path, Pipeline(network)))
    detector.confidence = 0.01
    return detector


def frame(number: int, state: str = "ok") -> Frame:
    image = np.full((20, 30 + number % 3, 3), 50 + number % 200, np.uint8)
    return Frame(image if state in ("ok", "late", "stale", "resized") else None, "s", number, state=state)


def threads() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name.startswith("yolo_tl-")}


@pytest.fixture(autouse=True)
def no_thread_is_left():
    before = threads()
    yield
    assert not threads() - before


@given(
    st.lists(st.sampled_from(["ok", "ok", "ok", "dropped", "late", "stale", "lost", "unreadable", "resized"])),
    st.integers(1, 4),
)
def test_it_says_what_observe_says_for_every_frame_in_order(states, depth):
    detector = detector_of(BrightnessNetwork())
    frames = [frame(number, state) for number, state in enumerate(states)]
    predictions = list(pipelined(detector, frames, depth=depth))
    assert [prediction.frame for prediction in predictions] == frames
    for prediction, other in zip(predictions, map(detector.observe, frames), strict=True):
        assert prediction.names == other.names
        assert prediction.model == other.model
        assert prediction.saturated == other.saturated
        assert (prediction.result is None) == (other.result is None) == (prediction.frame.state != "ok")
        assert (prediction.times is None) == (other.times is None)
        if prediction.result is not None:
            np.testing.assert_array_equal(prediction.result.xyxy, other.result.xyxy)
            np.testing.assert_array_equal(prediction.result.confidence, other.result.confidence)
            assert len(prediction.result) == 1
            assert min(prediction.times.preprocess, prediction.times.inference, prediction.times.postprocess) > 0
            assert prediction.queue_age >= 0


def test_stages_run_at_the_same_time():
    """The engine waits until a later frame is being prepared; in turn, that would never come."""
    asked = [threading.Event() for _ in range(3)]

    def frames():
        for number in range(3):
            asked[number].set()
            yield frame(number)

    network = BrightnessNetwork(lambda number: None if asked[min(number + 1, 2)].wait(WAIT_S) else pytest.fail("stuck"))
    assert len(list(pipelined(detector_of(network), frames()))) == 3


@pytest.mark.parametrize("depth", [1, 3])
def test_only_so_many_frames_are_on_their_way(depth):
    asked, held = [], threading.Event()

    def frames():
        for number in range(50):
            asked.append(number)
            yield frame(number)

    network = BrightnessNetwork(lambda number: held.wait(WAIT_S))
    taken = []
    taker = threading.Thread(target=lambda: taken.extend(pipelined(detector_of(network), frames(), depth=depth)))
    taker.start()
    while len(asked) < depth + 2:
        time.sleep(0.01)
    time.sleep(0.1)
    most = len(asked)
    held.set()
    taker.join(WAIT_S)
    assert most == depth + 2
    assert len(taken) == 50


def test_what_is_no_image_is_unreadable_in_its_place():
    frames = [frame(0), Frame(np.zeros((4, 4, 3)), "s", 1), frame(2)]
    predictions = list(pipelined(detector_of(BrightnessNetwork()), frames))
    assert [prediction.frame.state for prediction in predictions] == ["ok", "unreadable", "ok"]
    assert [prediction.frame.number for prediction in predictions] == [0, 1, 2]
    assert predictions[1].result is None
    assert predictions[1].frame.image is None


def test_a_frame_that_grows_too_old_before_the_engine_is_late():
    held = threading.Event()
    network = BrightnessNetwork(lambda number: held.wait(WAIT_S))
    frames = [frame(number) for number in range(3)]
    # Time is not waited for: the frames are nearly as old as they may be.
    old = [Frame(one.image, "s", one.number, arrived=one.arrived - 4.0) for one in frames]
    threading.Timer(1.5, held.set).start()
    said = list(pipelined(detector_of(network), old, deadline=5.0))
    assert [(prediction.frame.number, prediction.frame.state) for prediction in said][1:] == [(1, "late"), (2, "late")]
    assert all(prediction.result is None for prediction in said[1:])
    assert network.runs == 1  # what is late is not looked at


def test_a_frame_that_grows_too_old_after_the_engine_is_late():
    network = BrightnessNetwork()
    frames = [frame(number) for number in range(3)]
    predictions = pipelined(detector_of(network), frames, deadline=30.0)
    assert next(predictions).frame.state == "ok"
    while network.runs < 3:
        time.sleep(0.01)
    for one in frames:
        object.__setattr__(one, "arrived", one.arrived - 30.0)
    said = list(predictions)
    assert [(prediction.frame.number, prediction.frame.state) for prediction in said] == [(1, "late"), (2, "late")]
    assert all(prediction.result is None for prediction in said)


def test_the_deadline_is_that_of_the_stream():
    held = threading.Event()
    network = BrightnessNetwork(lambda number: held.wait(WAIT_S))
    options = StreamOptions(deadline=0.3)
    with Stream(IterableSource([picture(90)] * 2), options) as stream:
        threading.Timer(0.5, held.set).start()
        assert [p.frame.state for p in pipelined(detector_of(network), stream)] == ["late", "late"]
    assert stream.counters.delivered == 2


def until_failure(predictions: Iterator[Prediction], match: str) -> list[Prediction]:
    """What is delivered before the error."""
    delivered: list[Prediction] = []
    with pytest.raises(RuntimeFailure, match=match):
        for prediction in predictions:
            delivered.append(prediction)
    assert next(predictions, None) is None
    return delivered


@pytest.mark.parametrize("where", ["engine", "postprocessing"])
def test_a_failure_is_told_after_every_frame_that_was_taken(where):
    """Those behind the one that failed were on their way: they come without a result, and none is lost."""

    def fail(number: int) -> None:
        if number == 3 and where == "engine":
            raise RuntimeFailure("the device is gone, no NaN")

    network = BrightnessNetwork(fail, bad=3 if where == "postprocessing" else None)
    with Stream(IterableSource(picture(90) for _ in itertools.count())) as stream:
        delivered = until_failure(pipelined(detector_of(network), stream), "NaN")
        assert [p.frame.number for p in delivered] == list(range(len(delivered)))
        assert [p.result is not None for p in delivered] == [True] * 3 + [False] * (len(delivered) - 3)
        assert 4 <= len(delivered) <= 3 + 2 + 2
        assert stream.counters.delivered == len(delivered)
        assert {p.frame.state for p in delivered} == {"ok"}
    assert delivered[-1].describe() == "not looked at"


def test_a_failure_does_not_wait_for_frames_that_never_come():
    never = threading.Event()

    def frames():
        yield frame(0)
        never.wait(WAIT_S)

    def fail(number: int) -> None:
        raise RuntimeFailure("gone")

    began = time.monotonic()
    delivered = until_failure(pipelined(detector_of(BrightnessNetwork(fail)), frames()), "gone")
    assert [p.result for p in delivered] == [None]
    assert time.monotonic() - began < WAIT_S / 2
    never.set()
    for thread in threads():
        thread.join(WAIT_S)


def test_what_breaks_the_source_is_told_after_what_came_before_it():
    def frames():
        yield frame(0)
        yield frame(1)
        raise ZeroDivisionError("of the user")

    predictions = pipelined(detector_of(BrightnessNetwork()), frames())
    assert [next(predictions).frame.number for _ in range(2)] == [0, 1]
    with pytest.raises(ZeroDivisionError, match="of the user"):
        next(predictions)


def test_what_cannot_be_iterated_is_told():
    with pytest.raises(TypeError, match="not iterable"):
        next(pipelined(detector_of(BrightnessNetwork()), 7))


def test_a_source_that_wants_the_process_to_end_is_told_as_well():
    def frames():
        yield frame(0)
        raise SystemExit(3)

    predictions = pipelined(detector_of(BrightnessNetwork()), frames())
    next(predictions)
    with pytest.raises(SystemExit):
        next(predictions)
    with Stream(IterableSource(frame.image for frame in frames())) as stream, pytest.raises(SystemExit):
        list(stream)


def test_leaving_early_ends_the_threads_and_closes_the_generator():
    ended = threading.Event()

    def frames():
        try:
            yield from map(frame, itertools.count())
        finally:
            ended.set()

    generator = frames()
    for prediction in pipelined(detector_of(BrightnessNetwork()), generator):
        if prediction.frame.number == 5:
            break
    assert ended.is_set()


@pytest.mark.parametrize("count", [1, 3])
def test_leaving_early_ends_a_stream_that_waits_for_its_camera(count):
    source = FakeSource([picture(100 + number) for number in range(count)])
    stream = Stream(source, StreamOptions(timeout=60.0))
    predictions = pipelined(detector_of(BrightnessNetwork()), stream)
    assert [next(predictions).frame.number for _ in range(count)] == list(range(count))
    predictions.close()
    assert next(stream, None) is None
    assert source.closed == 1


def test_nothing_is_started_before_the_first_step():
    before = threads()
    predictions = pipelined(detector_of(BrightnessNetwork()), [frame(0)])
    assert threads() == before
    predictions.close()
    assert threads() == before


def test_a_model_that_looks_in_its_own_way_is_asked():
    class Own(Detector):
        def observe(self, frame, *, thresholds=None):
            return Prediction(frame, None, ("mine",))

    network = BrightnessNetwork()
    own = Own(Artifact(network.path, Pipeline(network)))
    predictions = list(pipelined(own, [frame(0), frame(1, "lost"), frame(2)]))
    assert [prediction.names for prediction in predictions] == [("mine",), ("thing",), ("mine",)]
    assert network.runs == 0


def test_thresholds_count_that_were_given():
    detector = detector_of(BrightnessNetwork())
    strict = detector.thresholds_with(confidence=0.99)
    (prediction,) = pipelined(detector, [frame(0)], thresholds=strict)
    assert len(prediction.result) == 0
    with pytest.raises(ConfigError, match="depth: expected a whole number from 1 up, found 0"):
        pipelined(detector, [], depth=0)
