"""The Ultralytics trainer, told by a plan and checked against it: one stage of a run."""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from copy import deepcopy
from pathlib import Path
from typing import Any

from yolo_tl.engine.arguments import arguments
from yolo_tl.engine.batch_picture import draw_batch
from yolo_tl.engine.bfloat16 import compute_in_bfloat16, compute_in_float32
from yolo_tl.engine.dataset import build_dataset
from yolo_tl.engine.group import gather, own_device, require_equal_weights, share_buffers, synchronised
from yolo_tl.engine.hermetic import ultralytics
from yolo_tl.engine.muon import without_padding
from yolo_tl.engine.pipeline import Pipeline
from yolo_tl.engine.pull import pull_towards
from yolo_tl.engine.saving import save_checkpoint
from yolo_tl.engine.state import (
    optimizer_state,
    random_state,
    restore_optimizer_state,
    restore_random_state,
    write_state,
)
from yolo_tl.engine.verify import FrozenState, verify_setup
from yolo_tl.engine.view import View
from yolo_tl.errors import LossNotFinite
from yolo_tl.transfer.plan import TrainPlan
from yolo_tl.transfer.progress import EpochReport, Listener

ultralytics()

from ultralytics.models.yolo.detect import DetectionTrainer  # noqa: E402
from ultralytics.utils import RANK, YAML  # noqa: E402
from ultralytics.utils.torch_utils import ModelEMA, unwrap_model  # noqa: E402

from yolo_tl.engine.validator import RecordingValidator  # noqa: E402

FIRST = RANK in (-1, 0)  # of several processes that train together, the one that validates, writes and tells
METRICS = {"map50_95": "metrics/mAP50-95(B)", "map50": "metrics/mAP50(B)", "recall": "metrics/recall(B)"}


class PlanTrainer(DetectionTrainer):
    """Trains one stage of a `TrainPlan`, from the state the run is in, and proves that this is what was set up.

    Adds to its parent: rates of layers, fixed BatchNorm, the plan's weight average and augmentation, a pull
    towards the start, validation at the plan's cadence and metric, a check of every parameter after set-up, an
    error instead of silently dropped images or a loss that is not a number, plain checkpoints that are replaced
    whole, and a state from which the run goes on as if nothing had happened. Nothing of it ends up in a checkpoint.

    Args:
        plan: what to do.
        stage: number of the stage.
        network: the network the run starts from; it is trained in place.
        view: the linked data.
        run: the run folder.
        state: the state to go on from; None at the beginning.
        pipeline: the plan's Albumentations; None leaves Ultralytics' own.
        listener: told of every epoch and batch.
        check_interrupt: called after every batch; raises to end the run with its last state.
        seconds: processor time of the run so far; of several processes, each adds its own.
    """

    accumulate: int
    device: Any
    stop: bool

    def __init__(
        self,
        *,
        plan: TrainPlan,
        stage: int,
        network: Any,
        view: View,
        run: Path,
        state: Mapping[str, Any] | None,
        pipeline: Pipeline | None,
        listener: Listener,
        check_interrupt: Callable[[], None],
        seconds: Callable[[], float],
    ) -> None:
        self.plan, self.number, self.stage = plan, stage, plan.stages[stage]
        self.view, self.run, self.state, self.pipeline = view, run, state, pipeline
        self.listener, self.check_interrupt, self.seconds = listener, check_interrupt, seconds
        self.batches_done = 0  # since the run began; counted as the loop of the parent counts them
        self.last_step = -1  # the batch after which the optimizer moved
        self.offset: int | None = None  # after resuming, until the first step: what the parent's count lacks
        self.pending: dict[Any, Any] = {}  # gradients of batches whose step is still to come
        self.validated = -1  # the latest epoch that was validated
        self.improved = -1  # the latest epoch that was validated and better than all before
        self.stage_best, self.stage_best_epoch = -math.inf, self.stage.first
        self.ended: str | None = None  # "stage" or "run", once it has
        self.ends: list[int] = state["ends"] if state else []  # last epochs of the stages that are over
        super().__init__(overrides=arguments(plan, stage=self.stage, view=view, run=run))
        if RANK != -1:  # one process of several. The parent would set them up on CUDA only; see `_build_train_pipeline`
            self.device, self.world_size = own_device(self.device), 0
        self.model = network
        self.anchor = deepcopy(network.state_dict()) if plan["l2_sp"] else {}

    # Set-up

    def build_dataset(self, img_path: str, mode: str = "train", batch: int | None = None) -> Any:
        """The images of a split, of which none may be missing; validation is at the size of the run in every stage."""
        train = mode == "train"
        dataset = build_dataset(
            self.args,
            images=img_path,
            imgsz=self.stage.imgsz if train else self.plan["imgsz"],
            batch=batch,
            data=self.data,
            train=train,
            stride=max(int(unwrap_model(self.model).stride.max()), 32),
            pipeline=self.pipeline,
            paste=self.plan["augment.paste"],
        )
        self.view.require_all(dataset.im_files, Path(img_path))
        return dataset

    def build_optimizer(self, model: Any, *arguments: Any, **options: Any) -> Any:
        """The parent's optimizer, with each group split by the plan's rates."""
        optimizer = super().build_optimizer(model, *arguments, **options)
        names = {id(parameter): name for name, parameter in unwrap_model(model).named_parameters()}
        groups = []
        for group in optimizer.param_groups:
            by_rate = defaultdict(list)
            for parameter in group["params"]:
                by_rate[self.plan.rate_of(names[id(parameter)], self.stage)].append(parameter)
            groups += [{**group, "params": params, "lr": rate} for rate, params in by_rate.items()]
        optimizer.param_groups[:] = groups
        return optimizer

    def _build_train_pipeline(self) -> None:
        for name, parameter in unwrap_model(self.model).named_parameters():
            if name in self.stage.still:  # those of BatchNorm are not known to the parent
                parameter.requires_grad_(False)
        if RANK != -1:
            self.world_size, self.model = self.plan.devices, synchronised(self.model, self.device)
        super()._build_train_pipeline()

    def get_validator(self) -> RecordingValidator:
        """A validator that also keeps its predictions, at the size of the run."""
        options = type(self.args)(**{**vars(self.args), "imgsz": self.plan["imgsz"]})
        return RecordingValidator(self.test_loader, save_dir=self.save_dir, args=options, _callbacks=self.callbacks)

    def _setup_train(self) -> None:
        super()._setup_train()
        # From here on only the checkpoints read this: the view is gone when somebody opens one.
        self.args.data = self.plan.data.path
        self.args.imgsz = self.plan["imgsz"]
        if FIRST:
            YAML.save(self.save_dir / "args.yaml", vars(self.args))
        model = unwrap_model(self.model)
        decay, tau = self.plan.ema
        if self.state is not None:
            model.load_state_dict(self.state["model"])
        self.ema = ModelEMA(self.model, decay=decay, tau=tau)
        if self.plan["precision"] == "bf16" and self.device.type == "cpu":
            compute_in_bfloat16(model)
        verify_setup(self, self.plan, self.stage)
        if self.state is not None:
            self._restore(self.state)
        self.frozen = FrozenState.of(model, self.stage)
        self.state_written, self.epoch_began = -math.inf, time.perf_counter()
        for event, callback in (
            ("on_train_epoch_start", type(self)._begin_epoch),
            ("on_train_batch_end", type(self)._end_batch),
            ("on_fit_epoch_end", type(self)._end_epoch),
        ):
            self.add_callback(event, callback)

    def _restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a state, which may be that of an earlier stage."""
        model = unwrap_model(self.model)
        self.start_epoch = state["epoch"]
        self.ema.ema.load_state_dict(state["ema"])
        self.ema.updates = state["updates"]
        restore_optimizer_state(self, state["optimizer"])
        self.scaler.load_state_dict(state["scaler"])
        self.best_fitness, self.fitness = state["best_fitness"], state["fitness"]
        self.stopper.best_fitness, self.stopper.best_epoch = state["stopper"]
        if state["finished"]:  # the run was made longer: patience begins anew
            self.stopper.best_epoch = self.start_epoch
        self.metrics = dict(state["metrics"])
        if state["stage"] == self.number:
            self.stage_best, self.stage_best_epoch = state["stage_best"]
        else:
            self.stage_best_epoch = self.start_epoch
        if FIRST:
            self.csv.write_text(state["csv"], encoding="utf-8")
        if self.plan.network.two_headed:  # the two heads of YOLO26 share the loss by a schedule over the whole run
            model.criterion = model.init_criterion()
            model.criterion.updates = self.start_epoch - 1
            model.criterion.update()
        self.batches_done = self.start_epoch * len(self.train_loader)
        if state["batches"] == len(self.train_loader):  # otherwise the batch size was changed
            self.last_step = state["last_step"]
            self.offset = self.last_step + 1
            parameters = dict(model.named_parameters())
            self.pending = {parameters[n]: g for n, g in state["gradients"].items() if parameters[n].requires_grad}
        self._restore_random(state)
        self.scheduler.last_epoch = self.start_epoch - 1

    def _restore_random(self, state: Mapping[str, Any]) -> None:
        from ultralytics.utils.torch_utils import init_seeds

        if self.world_size > 1 or state["random"] is None:  # each process has a state of its own: begin another
            init_seeds(self.plan["seed"] + 1 + RANK + 1000 * self.start_epoch, deterministic=True)
            return
        closing = self.epochs - self.args.close_mosaic if self.args.close_mosaic else self.epochs
        if self.start_epoch > closing:
            self._close_dataloader_mosaic()
            self.args.close_mosaic = 0  # or the parent would close it again; until `_begin_epoch`
        restore_random_state(self, state["random"], continues=self.start_epoch != closing)

    # The loop

    def _do_train(self) -> None:
        try:
            super()._do_train()
        finally:
            compute_in_float32(unwrap_model(self.model))

    def _begin_epoch(self) -> None:
        self._oom_retries = 3  # the parent would halve the batch behind the plan's back
        self.args.close_mosaic = self.plan.close_mosaic_epochs
        while self.pending:
            parameter, gradient = self.pending.popitem()
            parameter.grad = gradient.to(parameter.device)
        every, last = self.plan["val_every"], self.epochs - 1
        self.args.val = (self.epoch + 1) % every == 0 or self.epoch == last
        # Validation is for all processes, and the parent asks for it when the score has not risen for long.
        self.stopper.possible_stop = gather(self.stopper.possible_stop)[0]
        for path in self.run.glob("weights/epoch*.pt"):
            if FIRST and int(path.stem.removeprefix("epoch")) <= self.epoch - self.plan["keep"]:
                path.unlink()

    def _model_train(self) -> None:
        super()._model_train()
        model = unwrap_model(self.model)
        self.frozen.set_eval(model)
        self.frozen.require_eval(model)

    def preprocess_batch(self, batch: dict[str, Any]) -> dict[str, Any]:
        """The parent's batch; the first of a run is drawn."""
        batch = super().preprocess_batch(batch)
        self.batch = batch
        if FIRST and not (picture := self.run / "batch.jpg").exists():
            draw_batch(batch, self.plan.data.names, picture)
        if self.offset is not None:
            # The parent counts from -1 again: the step is due after the same batch as without the interruption.
            warming = self.batches_done <= self._get_warmup_iterations(len(self.train_loader))
            self.accumulate = (self.accumulate if warming else self.plan.budget.accumulate) + self.offset
        return batch

    def optimizer_step(self) -> None:
        """The parent's step, after the pull towards the start."""
        if strength := self.plan["l2_sp"]:
            pull_towards(self.anchor, unwrap_model(self.model), self.optimizer, strength, self.plan.network.head)
        with without_padding() if self.device.type == "cpu" else nullcontext():
            super().optimizer_step()
        self.last_step = self.batches_done
        if self.offset is not None:
            self.offset, self.accumulate = None, self.plan.budget.accumulate

    def _end_batch(self) -> None:
        if not self.loss.isfinite():
            raise _not_finite(self)
        self.batches_done += 1
        total = self.epochs * len(self.train_loader)
        images = max(len(self.batch["img"]) * max(self.world_size, 1), 1)
        self.listener.batch(self.batches_done, total, float(self.loss) / images)
        self.check_interrupt()

    def validate(self) -> Any:
        """Validate, and select by the plan's metric."""
        share_buffers(self.ema.ema)
        metrics = self.validator(self)
        if not FIRST:
            return None, None
        metrics.pop("fitness", None)
        fitness = metrics[METRICS[self.plan["metric"]]]
        self.validated = self.epoch
        if self.best_fitness is None or fitness > self.best_fitness:
            self.best_fitness, self.improved = fitness, self.epoch
        if fitness > self.stage_best:
            self.stage_best, self.stage_best_epoch = fitness, self.epoch + 1
        return metrics, fitness

    def _handle_nan_recovery(self, epoch: int) -> bool:
        return False  # a loss that is not a number ends the run; see `_end_batch`

    def save_model(self) -> bool:
        """Write ``best.pt`` after an epoch that was better, and the last epochs that are to be kept."""
        if self.improved == self.epoch:
            self._save("best.pt")
        if self.epoch >= self.epochs - self.plan["keep"]:
            self._save(f"epoch{self.epoch + 1}.pt")
        return True

    def _save(self, name: str) -> None:
        metrics = {**self.metrics, "fitness": self.fitness, "epoch": self.epoch + 1}
        options = {**vars(self.args), "val": True}
        save_checkpoint(self.ema.ema, self.run / "weights" / name, train_args=options, train_metrics=metrics)

    def _end_epoch(self) -> None:
        require_equal_weights(unwrap_model(self.model))
        ended = "run" if self.stop else "stage" if self._stage_is_over() else None
        told = gather((ended, self.seconds()))  # only the first process knows the scores
        self.ended = told[0][0]
        self.stop = self.ended is not None
        if self.ended:
            self.frozen.require_unchanged(unwrap_model(self.model))
        if not FIRST:
            return
        now = time.perf_counter()
        if self.ended or now - self.state_written >= self.plan["state_every"]:
            self._write_state(sum(seconds for _, seconds in told))
            self.state_written = now
        seconds, self.epoch_began = now - self.epoch_began, now
        seen = self.validated == self.epoch
        self.listener.epoch(
            EpochReport(
                epoch=self.epoch + 1,
                epochs=self.epochs,
                stage=self.stage.name,
                seconds=seconds,
                losses={name: float(value) for name, value in self.tloss.items()},
                map50=float(self.metrics[METRICS["map50"]]) if seen else None,
                map50_95=float(self.metrics[METRICS["map50_95"]]) if seen else None,
            )
        )

    def _stage_is_over(self) -> bool:
        if self.epoch + 1 >= self.stage.end:
            return True
        patience = self.stage.patience
        return patience is not None and self.epoch + 1 - self.stage_best_epoch >= patience

    def _write_state(self, cpu_seconds: float) -> None:
        model = unwrap_model(self.model)
        self._save("last.pt")
        pending = {n: p.grad for n, p in model.named_parameters() if p.grad is not None}
        over = self.ended == "stage"
        write_state(
            self.run,
            {
                "epoch": self.epoch + 1,
                "stage": self.number + 1 if over else self.number,
                "finished": self.ended == "run",
                "epochs": self.epochs,
                "ends": [*self.ends, self.epoch + 1] if over else self.ends,
                "model": model.state_dict(),
                "ema": self.ema.ema.state_dict(),
                "updates": self.ema.updates,
                "optimizer": optimizer_state(self),
                "scaler": self.scaler.state_dict(),
                "gradients": pending,
                "batches": len(self.train_loader),
                "last_step": self.last_step,
                "best_fitness": _plain(self.best_fitness),
                "fitness": _plain(self.fitness),
                "stopper": (_plain(self.stopper.best_fitness), self.stopper.best_epoch),
                "stage_best": (_plain(self.stage_best), self.stage_best_epoch),
                "metrics": {name: float(value) for name, value in self.metrics.items()},
                "csv": self.csv.read_text(encoding="utf-8"),
                "random": random_state(self) if self.world_size <= 1 else None,
                "cpu_seconds": cpu_seconds,
            },
        )

    def final_eval(self) -> None:
        """Nothing: the run validates its best checkpoint when all stages are over."""


def _plain(value: Any) -> float | None:
    return None if value is None else float(value)


def _not_finite(trainer: PlanTrainer) -> LossNotFinite:
    """Save the images of the batch, and name them."""
    folder = trainer.run / ("not-finite" if FIRST else f"not-finite-{RANK}")
    folder.mkdir(exist_ok=True)
    files = [str(trainer.view.sources.get(name, name)) for name in trainer.batch["im_file"]]
    (folder / "images.txt").write_text("\n".join(files) + "\n", encoding="utf-8")
    draw_batch(trainer.batch, trainer.plan.data.names, folder / "batch.jpg")
    shown = ", ".join(Path(name).name for name in files[:4]) + (", …" if len(files) > 4 else "")
    return LossNotFinite(
        f"{trainer.run}: the loss of epoch {trainer.epoch + 1} is {float(trainer.loss):g}, at a batch of {shown}",
        hint=f"the batch is kept in {folder}; a lower learning rate, or a look at these labels, usually helps",
    )
