from __future__ import annotations

import asyncio
import contextlib
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.bundles import draw_pictures, toy_bundle

from yolo_tl.edge import Detector
from yolo_tl.errors import BundleError, ConfigError, DataNotFound, RuntimeFailure, UsageError, WriteError
from yolo_tl.inspection.decision import Decision
from yolo_tl.inspection.inspector import Inspector
from yolo_tl.inspection.replay import replay
from yolo_tl.inspection.rules import Rule, Rules
from yolo_tl.inspection.sinks import LogSink, PictureSink, SinkCounters
from yolo_tl.streams import PushSource

FEW = Rules(rules=(Rule(name="few", classes=("class 0",), max=36),))
PATIENCE = 60.0


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return toy_bundle(tmp_path_factory.mktemp("inspector") / "bundle", golden=False)


@pytest.fixture
def model(bundle: Path) -> Detector:
    return Detector(bundle, threads=1)


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    deadline = time.monotonic() + PATIENCE
    while left := [t for t in threading.enumerate() if t not in before and t.name.startswith(("inspector", "yolo_tl"))]:
        assert time.monotonic() < deadline, left
        time.sleep(0.01)


def images(count: int) -> list[np.ndarray]:
    rng = np.random.default_rng(5)
    small = rng.integers(0, 256, (count, 7, 9, 3), dtype=np.uint8)
    return [cv2.resize(image, (96, 64), interpolation=cv2.INTER_CUBIC) for image in small]


def lines(folder: Path) -> list[dict[str, Any]]:
    found = [json.loads(line) for path in sorted(folder.glob("*.jsonl")) for line in path.read_text().splitlines()]
    return [line for line in found if "log" not in line]


def require_accounted(inspector: Inspector, log: Path) -> None:
    """Stream, verdicts, log and replay agree, frame by frame."""
    counters, written = inspector.counters, lines(log)
    frames = Counter({"PASS": 0, "FAIL": 0, "UNKNOWN": 0})
    numbers: list[int] = []
    for line in written:
        frames[line["verdict"]] += line.get("count", 1)
        numbers += range(line["frame"], line["frame"] + line.get("count", 1))
    assert numbers == list(range(len(numbers)))
    assert dict(frames) == counters.verdicts
    assert counters.decisions == len(written) == counters.sinks["log"].delivered
    assert counters.stream.delivered == sum(frames.values())
    assert counters.stream.numbered == sum(frames.values()) + counters.stream.waiting
    again = replay(log)
    assert [one.same for one in again] == [True] * len(written)
    assert (again.gaps, again.cut) == ([], [])


def require_free(log: Path) -> None:
    """The log can be taken by another."""
    sink = LogSink(log)
    sink.open({})
    sink.close()


class Sink:
    """Takes decisions, and does with each what it is told."""

    def __init__(self, act: Callable[[Decision], object], *, required: bool = False, name: str = "sink") -> None:
        self.act, self.required, self.name = act, required, name
        self.counters = SinkCounters()
        self.opened = self.closed = 0

    def open(self, header: Mapping[str, Any]) -> None:
        self.opened += 1

    def write(self, decision: Decision) -> None:
        self.act(decision)
        self.counters.delivered += 1

    def close(self) -> None:
        self.closed += 1


def test_a_folder_from_pictures_to_a_log_that_replays(bundle: Path, tmp_path: Path) -> None:
    for picture in draw_pictures(tmp_path / "pictures", 9):
        last = picture
    last.write_bytes(b"no picture")
    rules = tmp_path / "few.yaml"
    rules.write_text("rules:\n  - {name: few, classes: [class 0], max: 36}\n")
    sinks = [LogSink(tmp_path / "log"), PictureSink(tmp_path / "failed")]
    with Inspector(bundle, tmp_path / "pictures", rules, sinks=sinks, threads=1) as inspector:
        decisions = list(inspector)
        assert list(inspector) == []
    said = Counter(decision.verdict for decision in decisions)
    assert said == inspector.counters.verdicts
    assert min(said["PASS"], said["FAIL"], said["UNKNOWN"]) > 0
    assert decisions[-1].reasons[0].code == "unreadable"
    assert lines(tmp_path / "log") == [json.loads(json.dumps(decision.to_dict())) for decision in decisions]
    assert inspector.counters.stream.waiting == 0
    assert len(list((tmp_path / "failed").glob("*_FAIL.jpg"))) == said["FAIL"]
    assert json.loads(json.dumps(inspector.counters.to_dict()))["verdicts"] == said
    require_accounted(inspector, tmp_path / "log")
    inspector.close()


def test_the_same_decisions_as_the_parts_one_after_the_other(model: Detector) -> None:
    from yolo_tl.edge import Frame
    from yolo_tl.inspection.judge import Judge

    pictures, judge = images(12), Judge(FEW, model.names)
    expected = [judge.judge(model.observe(Frame(image, "python", n))) for n, image in enumerate(pictures)]
    with Inspector(model, pictures, FEW) as inspector:
        found = list(inspector)
    assert [(d.verdict, d.reasons, d.counts) for d in found] == [(d.verdict, d.reasons, d.counts) for d in expected]
    assert {d.verdict for d in found} == {"PASS", "FAIL"}


def test_a_producer_that_dies_is_unknown(model: Detector, tmp_path: Path) -> None:
    source = PushSource("camera")
    producer = threading.Thread(target=lambda: [source.put(image) for image in images(5)])
    decisions = []
    with Inspector(model, source, FEW, sinks=[LogSink(tmp_path)], timeout=0.5) as inspector:
        producer.start()
        for decision in inspector:
            decisions.append(decision)
            if sum(one.verdict == "UNKNOWN" for one in decisions) == 2:
                break
        producer.join()
    assert [one.verdict == "UNKNOWN" for one in decisions] == [False] * 5 + [True] * 2
    assert {one.reasons[0].code for one in decisions[5:]} == {"lost"}
    assert all(one.prediction.frame.image is None for one in decisions[5:])
    require_accounted(inspector, tmp_path)


@pytest.mark.parametrize("policy", ["drop-oldest", "drop-newest"])
def test_what_finds_no_room_is_unknown_and_counted(model: Detector, tmp_path: Path, policy: Any) -> None:
    source, go = PushSource("camera", policy=policy), threading.Event()
    wait = Sink(lambda decision: go.wait(PATIENCE), required=True, name="slow")
    with Inspector(model, source, FEW, sinks=[wait, LogSink(tmp_path)], policy=policy) as inspector:
        for image in images(120):
            source.put(image)
        source.close()
        deadline = time.monotonic() + PATIENCE
        while inspector.counters.stream.numbered < 120 and time.monotonic() < deadline:
            time.sleep(0.01)
        go.set()
        decisions = list(inspector)
    counters = inspector.counters
    assert counters.stream.numbered == 120 == sum(counters.verdicts.values())
    assert counters.verdicts["UNKNOWN"] == counters.stream.dropped > 50
    assert len(decisions) == counters.decisions < 120
    require_accounted(inspector, tmp_path)


def test_what_is_late_is_unknown(model: Detector, tmp_path: Path) -> None:
    source = PushSource("camera")
    with Inspector(model, source, FEW, sinks=[LogSink(tmp_path)], deadline=1e-6) as inspector:
        source.put(images(1)[0])
        decision = next(inspector)
    assert (decision.verdict, decision.reasons[0].code) == ("UNKNOWN", "late")
    require_accounted(inspector, tmp_path)


def test_what_becomes_late_while_it_is_looked_at_is_unknown(
    model: Detector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = model.pipeline.network.run
    monkeypatch.setattr(model.pipeline.network, "run", lambda tensor: (time.sleep(0.5), run(tensor))[1])
    with Inspector(model, images(1), FEW, sinks=[LogSink(tmp_path)], deadline=0.3) as inspector:
        assert [decision.reasons[0].code for decision in inspector] == ["late"]
    require_accounted(inspector, tmp_path)


def test_a_decision_is_handed_over_after_it_is_written(model: Detector) -> None:
    written: list[int] = []
    sink = Sink(lambda decision: written.append(decision.prediction.frame.number), required=True)
    with Inspector(model, images(30), FEW, sinks=[sink]) as inspector:
        for decision in inspector:
            assert decision.prediction.frame.number in written
    assert written == list(range(30))
    assert (sink.opened, sink.closed) == (1, 1)


def test_what_cannot_be_written_down_stops_the_inspection(model: Detector, tmp_path: Path) -> None:
    def fail(decision: Decision) -> None:
        if decision.prediction.frame.number == 7:
            raise WriteError("disk full")

    sinks = [LogSink(tmp_path), Sink(fail, required=True)]
    with pytest.raises(WriteError, match="disk full"), Inspector(model, images(200), FEW, sinks=sinks) as inspector:
        list(inspector)
    assert inspector.counters.decisions == 7
    assert inspector.counters.stream.numbered < 200
    assert inspector.counters.sinks["log"].delivered == 8
    inspector.close()
    require_free(tmp_path)


def test_a_failure_while_others_wait_for_room_ends_it_all(model: Detector) -> None:
    def fail(decision: Decision) -> None:
        deadline = time.monotonic() + PATIENCE
        while inspector.counters.stream.delivered < 5 and time.monotonic() < deadline:
            time.sleep(0.01)
        raise WriteError("disk full")

    inspector = Inspector(model, images(60), FEW, sinks=[Sink(fail, required=True)], waiting=2)
    with pytest.raises(WriteError, match="disk full"), inspector:
        next(inspector)
    assert inspector.counters.stream.delivered >= 5


def test_what_was_handed_over_before_a_failure(model: Detector) -> None:
    def fail(decision: Decision) -> None:
        if decision.prediction.frame.number == 7:
            raise OSError("pulled out")

    inspector, numbers = Inspector(model, images(50), FEW, sinks=[Sink(fail, required=True)]), []
    with pytest.raises(WriteError, match="sink: OSError: pulled out"):
        for decision in inspector:
            numbers.append(decision.prediction.frame.number)
    assert numbers == list(range(7))
    inspector.close()


def test_a_failure_nobody_has_seen_is_raised_at_the_end(model: Detector) -> None:
    tried = threading.Event()

    def fail(decision: Decision) -> None:
        tried.set()
        raise WriteError("disk full")

    def begun() -> Inspector:
        tried.clear()
        inspector = Inspector(model, images(3), FEW, sinks=[Sink(fail, required=True)])
        inspector.start()
        assert tried.wait(PATIENCE)
        return inspector

    inspector = begun()
    with pytest.raises(WriteError, match="disk full"):
        inspector.close()
    inspector.close()
    with pytest.raises(ZeroDivisionError), begun():
        _ = 1 / 0  # what the caller raised is not hidden


def test_what_is_not_required_harms_nothing(model: Detector, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def fail(decision: Decision) -> None:
        raise ValueError("no luck")

    told: list[Decision] = []
    sinks: list[Any] = [fail, Sink(fail), LogSink(tmp_path), told.append]
    with Inspector(model, images(12), FEW, sinks=sinks) as inspector:
        assert len(list(inspector)) == 12
    assert len(told) == 12
    failed = {name: sink.failed for name, sink in inspector.counters.sinks.items()}
    assert failed == {"callback": 12, "sink": 12, "log": 0, "callback-2": 0}
    warned = [record.message for record in caplog.records]
    assert warned.count("callback: 1 failed: no luck") == warned.count("callback: 10 failed: no luck") == 1
    assert len(warned) == 4
    require_accounted(inspector, tmp_path)


def test_a_sink_that_takes_its_time_delays_no_decision_that_is_due(model: Detector) -> None:
    go = threading.Event()
    with Inspector(model, images(20), FEW, sinks=[Sink(lambda decision: go.wait(PATIENCE))]) as inspector:
        first = next(inspector)
        go.set()
        assert len(list(inspector)) == 19
    assert first.prediction.frame.number == 0


def test_stopping_finishes_what_was_taken(model: Detector, tmp_path: Path) -> None:
    def endless() -> Iterator[np.ndarray]:
        while True:
            yield from pictures

    pictures = images(4)
    with Inspector(model, endless(), FEW, sinks=[LogSink(tmp_path)]) as inspector:
        for decision in inspector:
            if decision.prediction.frame.number == 10:
                inspector.stop()
    require_accounted(inspector, tmp_path)
    assert inspector.counters.decisions > 10
    assert decision.prediction.frame.number == inspector.counters.decisions - 1
    with Inspector(model, endless(), FEW, sinks=[LogSink(tmp_path / "2")]) as inspector:
        next(inspector)
    require_accounted(inspector, tmp_path / "2")


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    policy=st.sampled_from(["block", "drop-oldest", "drop-newest"]),
    pause=st.sampled_from([0.0, 0.002]),
    required=st.booleans(),
    leave=st.integers(0, 40),
    how=st.sampled_from(["break", "stop", "close", "end"]),
)
def test_every_frame_is_accounted_for_however_it_ends(
    model: Detector,
    tmp_path_factory: pytest.TempPathFactory,
    policy: Any,
    pause: float,
    required: bool,
    leave: int,
    how: str,
) -> None:
    log, source = tmp_path_factory.mktemp("log"), PushSource("camera", policy=policy)

    def produce() -> None:
        with contextlib.suppress(UsageError):  # closed: nobody takes the rest
            for image in images(40):
                source.put(image)
            source.close()

    producer = threading.Thread(target=produce)
    sinks = [Sink(lambda decision: time.sleep(pause), required=required), LogSink(log)]
    with Inspector(model, source, FEW, sinks=sinks, policy=policy) as inspector:
        producer.start()
        for number, _ in enumerate(inspector):
            if number == leave and how == "break":
                break
            if number == leave and how == "stop":
                inspector.stop()
            if number == leave and how == "close":
                threading.Thread(target=inspector.close, name="inspector closer").start()
    source.close()
    producer.join()
    require_accounted(inspector, log)
    assert how != "end" or inspector.counters.stream.waiting == 0


def test_it_ends_after_so_many_frames_or_seconds(model: Detector, tmp_path: Path) -> None:
    with Inspector(model, images(30), FEW, sinks=[LogSink(tmp_path)], limit=7) as inspector:
        assert len(list(inspector)) == 7
    require_accounted(inspector, tmp_path)
    source = PushSource("camera")
    with Inspector(model, source, FEW, seconds=0.3) as inspector:
        source.put(images(1)[0])
        assert len(list(inspector)) == 1


def test_what_breaks_is_raised_after_the_decisions_before(model: Detector, tmp_path: Path) -> None:
    def breaks() -> Iterator[np.ndarray]:
        yield from images(3)
        raise RuntimeError("unplugged")

    numbers = []
    with pytest.raises(RuntimeError, match="unplugged"), Inspector(model, breaks(), FEW) as inspector:
        for decision in inspector:
            numbers.append(decision.prediction.frame.number)
    assert numbers == [0, 1, 2]
    with pytest.raises(DataNotFound), Inspector(model, tmp_path / "nowhere", FEW) as inspector:
        next(inspector)


def test_a_model_that_fails_stops_it_and_the_log_is_closed(
    model: Detector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, count = model.pipeline.network.run, iter(range(100))

    def fail(tensor: Any) -> Any:
        if next(count) == 4:
            raise RuntimeFailure("out of memory")
        return run(tensor)

    monkeypatch.setattr(model.pipeline.network, "run", fail)
    decisions = []
    inspector = Inspector(model, images(20), FEW, sinks=[LogSink(tmp_path)])
    with pytest.raises(RuntimeFailure, match="out of memory"), inspector:
        for decision in inspector:
            decisions.append(decision)
    assert [line["verdict"] for line in lines(tmp_path)] == [decision.verdict for decision in decisions]
    assert all(decision.verdict != "UNKNOWN" for decision in decisions[:4])
    assert {reason.code for decision in decisions[4:] for reason in decision.reasons} == {"failed"}
    counters = inspector.counters
    assert sum(counters.verdicts.values()) == counters.stream.delivered == len(decisions) > 4
    require_free(tmp_path)


def test_requests_that_cannot_work(bundle: Path, model: Detector, tmp_path: Path) -> None:
    unknown = Rules(rules=(Rule(name="r", classes=("clas 0",), max=1),))
    with pytest.raises(ConfigError, match="class 0"):
        Inspector(model, [], unknown)
    with pytest.raises(ConfigError, match="limit"):
        Inspector(model, [], FEW, limit=0)
    with pytest.raises(ConfigError, match="waiting"):
        Inspector(model, [], FEW, waiting=0)
    with pytest.raises(UsageError, match="expected a sink or a function"):
        Inspector(model, [], FEW, sinks=["log"])  # type: ignore[list-item]
    with pytest.raises(ConfigError, match="seconds"):
        Inspector(model, [], FEW, seconds=float("nan"))
    with pytest.raises(UsageError, match="expected"):
        Inspector(model, "gopher://camera", FEW)
    with pytest.raises(BundleError):
        Inspector(tmp_path / "none", [], FEW)


def test_sinks_are_opened_all_or_none(model: Detector, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    good = Sink(print)
    inspector = Inspector(model, images(1), FEW, sinks=[good, LogSink(tmp_path / "file" / "log")])
    with pytest.raises(WriteError), inspector:
        pass
    assert (good.opened, good.closed) == (1, 1)
    inspector.close()


def test_async_gives_the_same_and_blocks_no_loop(model: Detector, tmp_path: Path) -> None:
    source = PushSource("camera")

    async def inspect() -> tuple[list[int], int]:
        numbers, beats = [], 0

        async def beat() -> None:
            nonlocal beats
            while True:
                await asyncio.sleep(0.001)
                beats += 1

        heart = asyncio.create_task(beat())
        async with Inspector(model, source, FEW, sinks=[LogSink(tmp_path)]) as inspector:
            async for decision in inspector:
                numbers.append(decision.prediction.frame.number)
                seen = beats
                while beats < seen + 3:  # the loop goes on while nothing comes
                    await asyncio.sleep(0.001)
                if len(numbers) < 6:
                    source.put(images(1)[0])
                else:
                    source.close()
        heart.cancel()
        require_accounted(inspector, tmp_path)
        return numbers, beats

    source.put(images(1)[0])
    numbers, beats = asyncio.run(inspect())
    assert numbers == list(range(6))
    assert beats >= 18


@pytest.mark.parametrize("managed", [True, False])
@pytest.mark.parametrize("full", [True, False])
def test_cancelling_ends_the_threads_and_closes_the_log(
    model: Detector, tmp_path: Path, managed: bool, full: bool
) -> None:
    source = PushSource("camera", policy="drop-newest")
    inspector = Inspector(model, source, FEW, sinks=[LogSink(tmp_path)], waiting=2)

    async def watch(first: asyncio.Event) -> None:
        async for _ in inspector:
            if full:  # whoever iterates has gone while decisions wait for room
                while inspector.counters.decisions < 4:
                    source.put(images(1)[0])
                    await asyncio.sleep(0)
            first.set()
            if full:
                await asyncio.sleep(PATIENCE)

    async def manage(first: asyncio.Event) -> None:
        async with inspector:
            await watch(first)

    async def main() -> None:
        first = asyncio.Event()
        task = asyncio.create_task((manage if managed else watch)(first))
        source.put(images(1)[0])
        await asyncio.wait_for(first.wait(), PATIENCE)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    for thread in inspector._threads:
        thread.join(PATIENCE)
        assert not thread.is_alive()
    require_accounted(inspector, tmp_path)
    require_free(tmp_path)


def test_async_raises_what_broke_it(model: Detector, tmp_path: Path) -> None:
    async def inspect() -> None:
        async with Inspector(model, tmp_path / "nowhere", FEW) as inspector:
            async for _ in inspector:
                pass

    with pytest.raises(DataNotFound):
        asyncio.run(inspect())
