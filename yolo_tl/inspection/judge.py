"""From what was found to a verdict, frame after frame."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from yolo_tl.boxes import Detections
from yolo_tl.edge.classification import Classification
from yolo_tl.edge.decode import Thresholds
from yolo_tl.edge.prediction import Prediction
from yolo_tl.errors import ConfigError, UsageError
from yolo_tl.inspection.checking import require_classifying, require_fit
from yolo_tl.inspection.counting import Counted, FrameCount, TrackCount
from yolo_tl.inspection.decision import Decision, Quality, Reason, Verdict
from yolo_tl.inspection.quality import doubts, measure
from yolo_tl.inspection.rules import Rules
from yolo_tl.inspection.selection import Regions, Selection
from yolo_tl.inspection.tracking import Tracker

Size = tuple[int, int]

_UNSEEN = {
    "dropped": "a queue was full, and the picture was let go",
    "late": "the picture waited longer than its deadline",
    "stale": "the source repeats one picture",
    "lost": "the source gives nothing",
    "unreadable": "what came is no picture",
    "resized": "the picture is of another size than those before it",
    "failed": "the model failed on the picture",
}


class Judge:
    """Decides on the frames of one source, in their order.

    A frame that was not looked at is UNKNOWN. Where a rule is broken the verdict is FAIL, also in a picture that is
    poor or saturated: what was found is there. Where nothing speaks for FAIL in such a picture it is UNKNOWN, since
    more may be there than was found. For the same reason such a picture can break a rule by what it shows too much of,
    and not by what it lacks.

    With ``k_of_n`` a rule looks back on n frames. Those that were not (or not properly) looked at could have been
    either: the verdict is PASS or FAIL only where that does not matter, otherwise UNKNOWN.

    The same predictions in the same order lead to the same decisions.

    Args:
        rules: what is asked.
        names: class names of the model in order of class number.
        thresholds: of the model, where rules are to be checked against them; not for one that classifies.

    Raises:
        ConfigError: a rule names an unknown class, or asks for scores that the model never tells.
    """

    def __init__(self, rules: Rules, names: Sequence[str], *, thresholds: Thresholds | None = None) -> None:
        require_fit(rules, names, thresholds)
        self.rules, self.names = rules, tuple(names)
        self._selections = [Selection(rule, self.names) for rule in rules.rules]
        once = [selection for selection in self._selections if selection.rule.once_per_track]
        self._followed = np.array([any(rule.of_class(i) for rule in once) for i in range(len(self.names))])
        self._limits = rules.quality
        self._quality_region = rules.region(self._limits.region) if self._limits.region else None
        self._classifying = False
        self.reset()

    def reset(self, index: int = 0) -> None:
        """Forget all frames.

        Args:
            index: of the next decision.
        """
        self._index = index
        self._counts = [TrackCount(rule) if rule.once_per_track else FrameCount(rule) for rule in self.rules.rules]
        self._tracker = Tracker(self.rules.tracking) if self.rules.tracked else None
        self._regions: Regions | None = None

    def judge(self, prediction: Prediction) -> Decision:
        """Decide on the next frame.

        Raises:
            ConfigError: the prediction has other class names, or comes from a model that classifies while a rule
                needs boxes.
        """
        image = prediction.frame.image
        if image is None or prediction.result is None:
            return self.decide(prediction, None, None)
        quality = measure(image, self._quality_region) if self._limits.limited else None
        return self.decide(prediction, (image.shape[0], image.shape[1]), quality)

    def decide(self, prediction: Prediction, size: Size | None, quality: Quality | None) -> Decision:
        """Decide on the next frame without its picture.

        Args:
            prediction: what was found.
            size: height and width of the picture; None where nothing was looked at.
            quality: of the picture, where rules limit it.

        Raises:
            ConfigError: as for `judge`.
            UsageError: size or quality is needed and not given.
        """
        if prediction.names is not self.names and tuple(prediction.names) != self.names:
            raise ConfigError(
                f"expected the classes {', '.join(self.names)}, found {', '.join(prediction.names)}",
                hint="another model needs another Judge",
            )
        result = prediction.result
        unseen = self._unseen(prediction)
        if unseen is not None or result is None:
            return self._skip(prediction, [unseen] if unseen else [])
        if size is None or (quality is None and self._limits.limited):
            missing = "size" if size is None else "quality"
            raise UsageError(f"{prediction.frame.label}: the rules need the {missing} of the picture, found none")
        if isinstance(result, Classification):
            return self._classified(prediction, result, quality)
        return self._detected(prediction, result, size, quality)

    @property
    def followed(self) -> bool:
        """Whether an object is being followed from earlier frames."""
        return self._tracker is not None and bool(self._tracker.alive)

    def _unseen(self, prediction: Prediction) -> Reason | None:
        """Why nothing was looked at, if so. Boxes that are no numbers are no better than none."""
        frame, result = prediction.frame, prediction.result
        if result is None:
            code = "failed" if frame.state == "ok" else frame.state
            text = _UNSEEN[code] + (f": {frame.count} frames" if frame.count > 1 else "")
            return Reason(code, text)
        if isinstance(result, Classification):
            finite = bool(np.isfinite(result.probabilities).all())
        else:
            told = (result.xyxy, result.confidence, () if result.angle is None else result.angle)
            finite = all(bool(np.isfinite(values).all()) for values in told)
        return None if finite else Reason("failed", "the model put out what is no number")

    def _skip(self, prediction: Prediction, reasons: list[Reason], quality: Quality | None = None) -> Decision:
        """A frame that nothing is known of."""
        count = prediction.frame.count
        for rule in self._counts:
            rule.skip(count)
        if self._tracker is not None:
            self._tracker.skip(count)
        return self._decision("UNKNOWN", reasons, prediction, quality, {})

    def _classified(self, prediction: Prediction, result: Classification, quality: Quality | None) -> Decision:
        if not self._classifying:
            require_classifying(self.rules)
            self._classifying = True
        doubtful = self._doubts(prediction, quality)
        top, score = result.top1, result.confidence
        if score < self.rules.min_probability:
            text = (
                f"{self.names[top]} {score:.2f} is most probable, at least {self.rules.min_probability:.2f} is needed"
            )
            return self._skip(prediction, [Reason("unsure", text), *doubtful], quality)
        counted = []
        for selection in self._selections:
            least = selection.rule.min_score
            chosen = selection.of_class(top) and (least is None or score >= least)
            counted.append(Counted([(self.names[top], score)] if chosen else []))
        return self._count(prediction, counted, doubtful, quality)

    def _detected(self, prediction: Prediction, found: Detections, size: Size, quality: Quality | None) -> Decision:
        if self._regions is None or self._regions.size != size:
            self._regions = Regions(self.rules, size)
        doubtful = self._doubts(prediction, quality) + self._regions.outside
        tracks = self._follow(found)
        alive = () if self._tracker is None else self._tracker.alive
        ignored = self._regions.ignored(found)
        counted = []
        for selection in self._selections:
            chosen = np.flatnonzero(selection.choose(found, self._regions, ignored)).tolist() if len(found) else []
            scores = [(self.names[int(found.class_id[i])], float(found.confidence[i])) for i in chosen]
            followed = () if tracks is None else [tracks[i] for i in chosen]
            counted.append(Counted(scores, followed, alive))
        return self._count(prediction, counted, doubtful, quality, tracks)

    def _follow(self, found: Detections) -> tuple[int, ...] | None:
        """The track of each object, 0 of a class that no rule counts once; None where nothing is followed."""
        if self._tracker is None:
            return None
        places = np.flatnonzero(self._followed[found.class_id])
        boxes = found.xyxy
        if found.angle is not None:
            corners = found.corners
            boxes = np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)
        tracks = np.zeros(len(found), np.int64)
        tracks[places] = self._tracker.update(boxes[places], found.class_id[places])
        return tuple(tracks.tolist())

    def _doubts(self, prediction: Prediction, quality: Quality | None) -> list[Reason]:
        """Why more may be there than was found."""
        found = [] if quality is None else doubts(quality, self._limits)
        if prediction.saturated:
            text = f"{len(prediction)} objects were found, as many as are allowed; there may be more"
            found.append(Reason("saturated", text))
        return found

    def _count(
        self,
        prediction: Prediction,
        counted: Sequence[Counted],
        doubtful: Sequence[Reason],
        quality: Quality | None,
        tracks: tuple[int, ...] | None = None,
    ) -> Decision:
        """The verdict of a frame that was looked at."""
        counts: dict[str, int] = {}
        broken: list[Reason] = []
        unknown = list(doubtful)
        for rule, objects in zip(self._counts, counted, strict=True):
            counts[rule.rule.name], reason = rule.see(objects, whole=not doubtful)
            if reason is not None:
                (broken if reason.code == "rule" else unknown).append(reason)
        verdict: Verdict = "FAIL" if broken else "UNKNOWN" if unknown else "PASS"
        return self._decision(verdict, [*broken, *unknown], prediction, quality, counts, tracks)

    def _decision(
        self,
        verdict: Verdict,
        reasons: Sequence[Reason],
        prediction: Prediction,
        quality: Quality | None,
        counts: dict[str, int],
        tracks: tuple[int, ...] | None = None,
    ) -> Decision:
        self._index += 1
        return Decision(
            verdict, tuple(reasons), prediction, self.rules.sha256, quality, counts, self._index - 1, tracks
        )
