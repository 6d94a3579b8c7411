"""Whether a bundle works on this device, proven without torch and without the data it was made with.

The order is that of trust: who made it, whether it is whole, whether it loads, whether it finds what it has to find,
and only then how long that takes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from yolo_tl.edge.archive import opened
from yolo_tl.edge.artifact import Artifact, open_artifact
from yolo_tl.edge.golden import GoldenResult, check_golden, golden_images, has_golden
from yolo_tl.edge.image import Image
from yolo_tl.edge.machine import RUNTIMES, machine, packages, resident_mb
from yolo_tl.edge.manifest import Manifest
from yolo_tl.edge.network import RunOptions
from yolo_tl.edge.signature import require_signed
from yolo_tl.errors import ParityError, YoloTLError

_WARM_UP = 3


@dataclass(frozen=True)
class Step:
    """One thing that was tested.

    Attributes:
        name: ``signature``, ``files``, ``model``, ``golden`` or ``latency``.
        state: what came of it.
        detail: what was found.
    """

    name: str
    state: Literal["passed", "failed", "skipped"]
    detail: str


@dataclass(frozen=True)
class Latency:
    """Times of one image, from pixels to detections, ms.

    Attributes:
        runs: number of them.
        p50: median by the clock.
        p95: by the clock.
        p99: by the clock.
        cpu: median of processor time, all threads.
    """

    runs: int
    p50: float
    p95: float
    p99: float
    cpu: float


@dataclass(frozen=True)
class Environment:
    """What this device has beside what the bundle was made with.

    Attributes:
        machine: this one.
        packages: package → version there and here; None where it is not installed or not told.
        notes: differences that may matter.
    """

    machine: Mapping[str, Any]
    packages: Mapping[str, tuple[str | None, str | None]]
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        pairs = {name: {"made_with": there, "here": here} for name, (there, here) in self.packages.items()}
        return {"machine": dict(self.machine), "packages": pairs, "notes": list(self.notes)}


@dataclass(frozen=True)
class SelfTest:
    """The result of a self-test.

    Attributes:
        bundle: the bundle.
        steps: in order; those after a failure are left out.
        environment: None where there is no manifest to compare with.
        golden: None where it was not reached or there is no golden set.
        latency: None where it was not reached or not asked for.
        memory: resident MB after everything, ``now`` and ``peak``.
        failure: what is wrong; None where nothing is.
    """

    bundle: Path
    steps: tuple[Step, ...]
    environment: Environment | None = None
    golden: GoldenResult | None = None
    latency: Latency | None = None
    memory: Mapping[str, float | None] | None = None
    failure: YoloTLError | None = None

    @property
    def passed(self) -> bool:
        """Nothing is wrong."""
        return self.failure is None

    def require_passed(self) -> None:
        """Fail where a step did.

        Raises:
            ParityError: the model does not find what it has to find.
            BundleError: the bundle is damaged, of another maker, or cannot be run here.
        """
        if self.failure is not None:
            raise self.failure

    def to_json(self) -> dict[str, Any]:
        """Plain values with ``passed`` and ``exit_code``."""
        return {
            "bundle": str(self.bundle),
            "passed": self.passed,
            "exit_code": 0 if self.failure is None else self.failure.exit_code,
            "steps": [asdict(step) for step in self.steps],
            "environment": None if self.environment is None else self.environment.to_json(),
            "golden": None if self.golden is None else self.golden.to_json(),
            "latency_ms": None if self.latency is None else asdict(self.latency),
            "memory_mb": self.memory,
        }


def selftest(
    bundle: Path, *, public_key: Path | None = None, options: RunOptions | None = None, repeat: int = 20
) -> SelfTest:
    """Test a bundle on this device.

    Args:
        bundle: a folder or a ``.zip`` file.
        public_key: the bundle must be signed by its owner.
        options: how it is run.
        repeat: timed runs of each golden image; 0 times nothing.

    Raises:
        UsageError: the public key is missing, or not a key.
        MissingExtra: what runs or verifies it is not installed.
    """
    result = _Run(bundle, public_key, options or RunOptions(), repeat)
    try:
        with opened(bundle) as folder:
            return result.through(folder)
    except YoloTLError as error:
        if error.exit_code == 2:
            raise
        # Only unpacking fails here: everything after is a step of its own.
        return SelfTest(bundle, (Step("files", "failed", error.message),), failure=error)


class _Run:
    """A self-test while it goes on."""

    def __init__(self, bundle: Path, public_key: Path | None, options: RunOptions, repeat: int) -> None:
        self._public_key, self._options, self._repeat = public_key, options, repeat
        self._result = SelfTest(bundle, ())

    def through(self, folder: Path) -> SelfTest:
        """Every step, until one fails."""
        for name, step in (
            ("signature", self._signature),
            ("files", self._files),
            ("model", self._model),
            ("golden", self._golden),
            ("latency", self._latency),
        ):
            try:
                detail = step(folder)
            except YoloTLError as error:
                if error.exit_code == 2:
                    raise
                self._note(Step(name, "failed", error.message), failure=error)
                break
            self._note(Step(name, "skipped" if detail.startswith("not ") else "passed", detail))
        return replace(self._result, memory=resident_mb())

    def _note(self, step: Step, **values: Any) -> None:
        self._result = replace(self._result, steps=(*self._result.steps, step), **values)

    def _signature(self, folder: Path) -> str:
        if self._public_key is None:
            return "not asked for"
        require_signed(folder, self._public_key)
        return f"by the owner of {self._public_key}"

    def _files(self, folder: Path) -> str:
        manifest = Manifest.read(folder)
        self._result = replace(self._result, environment=_environment(manifest))
        return f"{len(manifest.content['files'])} files as in the manifest"

    def _model(self, folder: Path) -> str:
        start = time.perf_counter()
        self._artifact = open_artifact(folder, self._options)
        manifest = self._artifact.manifest
        assert manifest is not None, "the step before has read it"
        return (
            f"{manifest.format} {manifest.precision}, {manifest.task}, head {manifest.head}, "
            f"{len(manifest.names)} classes, loaded in {time.perf_counter() - start:.2f} s"
        )

    def _golden(self, folder: Path) -> str:
        if not has_golden(self._artifact):
            return "not in this bundle"
        result = check_golden(self._artifact)
        self._result = replace(self._result, golden=result)
        if not result.passed:
            raise ParityError(
                f"{self._result.bundle}: the golden set comes out differently here: {result.describe()}",
                hint="compare the environment with that of the manifest; do not use this bundle on this device",
            )
        return result.describe()

    def _latency(self, folder: Path) -> str:
        if not self._repeat:
            return "not asked for"
        images = golden_images(self._artifact) if has_golden(self._artifact) else [_noise(self._artifact)]
        found = latency(lambda number: _look(self._artifact, images[number % len(images)]), self._repeat * len(images))
        self._result = replace(self._result, latency=found)
        return f"p50 {found.p50:.2f}, p95 {found.p95:.2f}, p99 {found.p99:.2f} ms an image, CPU {found.cpu:.2f} ms"


def latency(call: Callable[[int], object], runs: int) -> Latency:
    """Times of ``call(0)``, ``call(1)``, ...; some runs before warm up."""
    for number in range(_WARM_UP):
        call(number)
    wall, cpu = np.empty(runs), np.empty(runs)
    for number in range(runs):
        clock, used = time.perf_counter(), time.process_time()
        call(number)
        wall[number], cpu[number] = time.perf_counter() - clock, time.process_time() - used
    p50, p95, p99 = (np.percentile(wall, [50, 95, 99]) * 1e3).tolist()
    return Latency(runs, p50, p95, p99, float(np.median(cpu)) * 1e3)


def _look(artifact: Artifact, image: Image) -> object:
    return artifact.pipeline([image], thresholds=artifact.thresholds)


def _noise(artifact: Artifact) -> Image:
    shape = (*artifact.pipeline.info.imgsz, 3)
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def _environment(manifest: Manifest) -> Environment:
    here, this = packages(), machine()
    versions, hardware = manifest.content["versions"], manifest.content.get("hardware", {})
    listed = versions.get("packages", {})
    there = {"python": versions.get("python"), **(listed if isinstance(listed, dict) else {})}
    known = {name: (there.get(name), here.get(name)) for name in ("python", *RUNTIMES) if name in there or name in here}
    notes = [f"{name} {a} there, {b} here" for name, (a, b) in known.items() if a and b and a != b]
    flags = hardware.get("flags")
    lacking = sorted(set(flags) - set(this["flags"])) if isinstance(flags, list) and this["flags"] else []
    if lacking:
        notes.append(f"this processor lacks {', '.join(map(str, lacking))} of the one it was verified on")
    return Environment(this, known, tuple(notes))
