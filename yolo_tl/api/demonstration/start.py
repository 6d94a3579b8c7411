"""Which checkpoint the demo starts from, and why: COCO's where it can be had soon, else the one that ships."""

from __future__ import annotations

import threading
import urllib.error
import urllib.request
from dataclasses import asdict, dataclass

from yolo_tl.errors import WeightsNotFound

COCO = "yolo26n.pt"
SHIPPED = "yolo26n-parts.pt"
PATIENCE = 4.0  # s that a look at the network may take


@dataclass(frozen=True)
class Start:
    """The checkpoint of a demo.

    Attributes:
        weights: its path or name.
        why: the reason, for people.
    """

    weights: str
    why: str

    def to_json(self) -> dict[str, str]:
        """Plain values."""
        return asdict(self)


def choose_start(asked: str | None = None) -> Start:
    """The checkpoint that is asked for; else ``yolo26n.pt`` where it is here or can be fetched, else the shipped one.

    A network that does not answer costs a few seconds and is a reason, no error.

    Raises:
        MissingExtra: what training needs is not installed.
        WeightsNotFound: the one that is asked for, or the last choice, is nowhere.
    """
    from yolo_tl.engine.hermetic import ultralytics
    from yolo_tl.engine.weights import find_weights, folders, release_url

    ultralytics()  # where training is not installed that is told now, and not after the pictures are drawn
    if asked is not None:
        find_weights(asked)
        return Start(asked, "as asked for")
    if any((folder / COCO).is_file() for folder in folders()):
        return Start(COCO, "trained on COCO, and here already")
    if problem := unreachable(release_url(COCO)):
        reason = f"{COCO}, trained on COCO, is not here and could not be fetched: {problem}"
    else:
        try:
            return Start(COCO, f"trained on COCO, fetched into {find_weights(COCO).parent}")
        except WeightsNotFound as error:
            reason = error.message
    try:
        find_weights(SHIPPED)
    except WeightsNotFound as error:
        raise WeightsNotFound(f"{reason}; {error.message}", hint=f"say --weights CHECKPOINT\n{error.hint}") from error
    return Start(SHIPPED, f"it ships with yolo-tl; {reason}")


def unreachable(url: str, *, patience: float = PATIENCE) -> str:
    """Why the server of `url` does not answer; empty where it does, whatever it says.

    Args:
        url: of a file.
        patience: seconds after which it counts as silent; name look-ups included, which no timeout of a socket ends.
    """
    problems = [f"no answer within {patience:g} s"]

    def ask() -> None:
        try:
            urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=patience).close()
            problems[0] = ""
        except urllib.error.HTTPError as error:
            error.close()
            problems[0] = ""  # it may refuse this method only
        except (OSError, ValueError) as error:
            problems[0] = str(getattr(error, "reason", error))

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(patience)
    return problems[0]
