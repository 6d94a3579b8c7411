"""The paths of the server."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from yolo_tl import __version__
from yolo_tl.serving import answers, refusal
from yolo_tl.serving.answering import Answer, Question
from yolo_tl.serving.assets import Asset, assets
from yolo_tl.serving.body import is_batch, parse_exchange
from yolo_tl.serving.gate import Gate, failed, refused
from yolo_tl.serving.metrics import CONTENT_TYPE
from yolo_tl.serving.refusal import Refusal
from yolo_tl.serving.service import Service


class Asked(BaseModel):
    """The query of a request; a misspelt one is refused instead of passed over."""

    model_config = ConfigDict(extra="forbid")


class Thresholds(Asked):
    """What counts in this request."""

    confidence: float | None = Field(default=None, ge=0, le=1, description="lowest score; default: the model's own")
    iou: float | None = Field(default=None, ge=0, le=1, description="overlap of NMS; default: the model's own")


_IMAGE: dict[str, Any] = {
    kind: {"schema": {"type": "string", "format": "binary"}} for kind in ("application/octet-stream", "image/*")
}
_BATCH: dict[str, Any] = {
    "application/json": {
        "schema": {
            "type": "object",
            "required": ["images"],
            "additionalProperties": False,
            "properties": {
                "images": {
                    "type": "array",
                    "minItems": 1,
                    "items": {"type": "string", "contentEncoding": "base64"},
                }
            },
        }
    }
}
_EXCHANGE: dict[str, Any] = {
    "application/json": {
        "schema": {
            "type": "object",
            "required": ["path"],
            "additionalProperties": False,
            "properties": {"path": {"type": "string"}},
        }
    }
}
_SAYS = {
    401: "the API key is missing or wrong",
    403: "not allowed on this server",
    404: "the server has no rules",
    408: "the body came too slowly",
    409: "not with this model, or not now",
    413: "the body is too large, or holds too many images",
    415: "not a kind of body that is read",
    422: "not an image, too many pixels, or a value out of range",
    429: "too many requests wait; Retry-After says when to ask again",
    500: "the model failed",
    503: "not ready, or no answer in time; Retry-After says when to ask again",
}
_LOOK = (401, 408, 413, 415, 422, 429, 500, 503)


def build_app(service: Service) -> Gate:
    """The ASGI application of a server."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await asyncio.to_thread(service.workers.close, service.limits.timeout)

    app = FastAPI(
        title="yolo-tl",
        version=__version__,
        docs_url=None,  # it would load its scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
    )
    _handle_errors(app, service)
    _add_looking(app, service)
    _add_model(app, service)
    _add_operation(app, service)
    pages = assets()
    for path, asset in pages.items():
        app.add_api_route(path, _page(asset), include_in_schema=False, response_class=Response)
    paths = {*app.openapi()["paths"], *pages, "/openapi.json"}
    return Gate(app, paths=paths, api_key=service.api_key, metrics=service.metrics)


def _handle_errors(app: FastAPI, service: Service) -> None:
    def on_refusal(_: Request, error: Exception) -> Response:
        assert isinstance(error, Refusal)
        return refused(error, service.metrics)

    def on_http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        reason = {404: "path", 405: "method"}.get(error.status_code, "request")
        hint = "see /openapi.json" if reason != "request" else ""
        said = Refusal(error.status_code, error.detail, hint=hint, reason=reason, headers=error.headers)
        return refused(said, service.metrics)

    def on_invalid(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"][1:])
        return refused(Refusal(422, f"{place}: {first['msg']}", reason="request"), service.metrics)

    app.add_exception_handler(Refusal, on_refusal)
    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(RequestValidationError, on_invalid)
    app.add_exception_handler(Exception, lambda _, __: refused(failed(), service.metrics))


def _add_looking(app: FastAPI, service: Service) -> None:
    async def ask(
        request: Request,
        work: Callable[[Question], Answer],
        *,
        batch: bool,
        thresholds: Thresholds,
    ) -> Response:
        async with service.bodies.read(request) as content:
            deadline = time.monotonic() + service.limits.timeout
            question = Question(content, batch, thresholds.confidence, thresholds.iou, deadline)
            answer = await service.answer(request, question, work)
        return Response(answer.content, media_type="application/json", headers={"X-Model": answer.model})

    @app.post(
        "/v1/detect",
        summary="What is in an image, or in each of several",
        responses=_responses(*_LOOK) | {200: {"model": answers.PredictionAnswer | answers.BatchAnswer}},
        openapi_extra={"requestBody": {"required": True, "content": _IMAGE | _BATCH}},
    )
    async def detect(request: Request, thresholds: Annotated[Thresholds, Query()]) -> Response:
        return await ask(request, service.answering.detect, batch=is_batch(request), thresholds=thresholds)

    @app.post(
        "/v1/inspect",
        summary="The verdict on an image, by the rules the server was started with",
        responses=_responses(404, *_LOOK) | {200: {"model": answers.DecisionAnswer}},
        openapi_extra={"requestBody": {"required": True, "content": _IMAGE}},
    )
    async def inspect(request: Request, nothing: Annotated[Asked, Query()]) -> Response:
        if service.judging is None:
            raise Refusal(
                404, "this server has no rules", hint="start it with --rules, or ask /v1/detect", reason="rules"
            )
        if is_batch(request):
            raise Refusal(415, "expected the bytes of one image, found application/json", reason="media type")
        return await ask(request, service.answering.inspect, batch=False, thresholds=Thresholds())


def _add_model(app: FastAPI, service: Service) -> None:
    @app.get("/v1/model", summary="The model that answers", responses=_responses(401))
    async def model() -> answers.ModelAnswer:
        return answers.ModelAnswer(**service.describe())

    def require_key() -> None:
        if service.api_key is None:
            raise Refusal(
                403, "a server without an API key exchanges no models", hint="start it with one", reason="forbidden"
            )

    @app.post(
        "/v1/model",
        summary="Let another bundle answer, once its golden set has come out as it has to",
        responses=_responses(401, 403, 408, 409, 413, 415, 422),
        openapi_extra={"requestBody": {"required": True, "content": _EXCHANGE}},
    )
    async def swap(request: Request) -> answers.ModelAnswer:
        require_key()
        if not is_batch(request):
            raise Refusal(415, 'expected application/json with {"path": "..."}', reason="media type")
        async with service.bodies.read(request) as content:
            path = parse_exchange(content)
        return answers.ModelAnswer(**await service.exchange(lambda: service.shelf.swap(path)))

    @app.post("/v1/model/rollback", summary="Let the model before answer again", responses=_responses(401, 403, 409))
    async def rollback() -> answers.ModelAnswer:
        require_key()
        return answers.ModelAnswer(**await service.exchange(service.shelf.rollback))


def _add_operation(app: FastAPI, service: Service) -> None:
    @app.get("/healthz", summary="Whether the process is alive")
    async def healthz() -> answers.AliveAnswer:
        return answers.AliveAnswer(status="alive")

    @app.get("/readyz", summary="Whether a golden image comes out as it has to", responses=_responses(503))
    async def readyz() -> answers.ReadyAnswer:
        if problem := await service.readiness.problem():
            raise refusal.later(503, problem, reason="not ready")
        return answers.ReadyAnswer(status="ready", model=service.shelf.current.sha256)

    @app.get(
        "/metrics",
        summary="Counters for Prometheus",
        response_class=Response,
        responses=_responses(401) | {200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
    )
    async def metrics() -> Response:
        return Response(await asyncio.to_thread(service.metrics.render), headers={"Content-Type": CONTENT_TYPE})


def _page(asset: Asset) -> Callable[[], Awaitable[Response]]:
    async def page() -> Response:
        return Response(asset.content, headers={"Content-Type": asset.kind})

    return page


def _responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    return {status: {"model": answers.ErrorAnswer, "description": _SAYS[status]} for status in statuses}
