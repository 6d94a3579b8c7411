"""The form of answers, as OpenAPI publishes it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Times(_Answer):
    """Wall time of each stage, ms."""

    preprocess: float
    inference: float
    postprocess: float


class Found(_Answer):
    """An object. Beside these, `mask`, `corners`, `angle` or `keypoints` by the task of the model."""

    model_config = ConfigDict(extra="allow")

    box: list[float] = Field(description="x1, y1, x2, y2 in px of the image")
    confidence: float
    class_id: int
    name: str


class ClassScore(_Answer):
    """A class, and how probable it is."""

    model_config = ConfigDict(extra="allow")

    class_id: int
    name: str
    confidence: float


class PredictionAnswer(_Answer):
    """What was found in one image, best first: `detections`, or `classes` of a model that classifies."""

    image: str
    source: str
    frame: int
    captured: float = Field(description="Unix time of arrival, s")
    state: str
    size: list[int] | None = Field(description="height and width of the image, px")
    queue_age: float = Field(description="seconds from arrival to the first stage")
    model: str = Field(description="SHA-256 of the model that answered")
    saturated: bool = Field(description="as many objects were found as are allowed: there may be more")
    times: Times | None
    detections: list[Found] | None = None
    classes: list[ClassScore] | None = None


class BatchAnswer(_Answer):
    """One prediction for each image, in their order."""

    predictions: list[PredictionAnswer]


class ReasonAnswer(_Answer):
    """Why a verdict is not PASS."""

    code: str
    text: str
    rule: str | None


class DecisionAnswer(PredictionAnswer):
    """A prediction, and the verdict on it."""

    verdict: Literal["PASS", "FAIL", "UNKNOWN"]
    reasons: list[ReasonAnswer]
    counts: dict[str, int]
    quality: dict[str, Any] | None
    rules: str = Field(description="SHA-256 of the rules")
    index: int = Field(description="always 0: each image is judged alone")


class ThresholdsAnswer(_Answer):
    """The operating point."""

    confidence: float
    iou: float
    max_det: int
    by_class: dict[str, float]


class ModelAnswer(_Answer):
    """The model that answers."""

    name: str
    sha256: str
    task: str
    names: list[str]
    imgsz: list[int]
    head: str
    thresholds: ThresholdsAnswer | None = Field(description="null of a model that classifies")
    golden: bool = Field(description="it has a golden set, which came out as it has to")
    loaded: float = Field(description="Unix time, s")
    rules: str | None = Field(description="SHA-256 of the rules")
    previous: str | None = Field(description="SHA-256 of the model to which a rollback goes")


class AliveAnswer(_Answer):
    """The process is alive."""

    status: Literal["alive"]


class ReadyAnswer(_Answer):
    """A golden image came out as it has to."""

    status: Literal["ready"]
    model: str


class ErrorAnswer(_Answer):
    """Why there is no answer."""

    error: str = Field(description="what was expected and what was found")
    hint: str = Field(description="what to do about it")
