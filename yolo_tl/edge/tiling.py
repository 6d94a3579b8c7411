"""How a large image is cut into tiles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yolo_tl.boxes import Floats
from yolo_tl.edge.image import Image
from yolo_tl.edge.network import Size
from yolo_tl.errors import ConfigError

SHARE = 0.2
"""Overlap where neither it nor an object size is given, as a share of the tile's shorter side."""

_MARGIN = 0.01  # of a side; a detector places the end of what is cut so far from the border, at most
_MOST = 10_000  # tiles


@dataclass(frozen=True)
class Tile:
    """A part of an image, in px of it.

    Attributes:
        top: first row.
        left: first column.
        height: rows.
        width: columns.
        inner: whether its left, upper, right and lower border lie inside the image, so that they cut objects.
        overview: the whole image beside its tiles, which is looked at on a smaller scale than they are.
    """

    top: int
    left: int
    height: int
    width: int
    inner: tuple[bool, bool, bool, bool] = (False, False, False, False)
    overview: bool = False

    @property
    def xyxy(self) -> tuple[int, int, int, int]:
        """Its corners."""
        return self.left, self.top, self.left + self.width, self.top + self.height

    def of(self, image: Image) -> Image:
        """Its pixels, as a view of the image (H, W, 3)."""
        return image[self.top : self.top + self.height, self.left : self.left + self.width]

    def cuts(self, boxes: Floats) -> NDArray[np.bool_]:
        """Which sides (N, 4) of corner boxes (N, 4) touch an inner border, or lie beyond it."""
        margin = np.array([self.width, self.height] * 2) * _MARGIN
        inwards = (boxes - np.array(self.xyxy)) * np.array([1, 1, -1, -1])
        touches: NDArray[np.bool_] = (inwards <= margin) & np.array(self.inner)
        return touches


@dataclass(frozen=True)
class Tiling:
    """How images of any size are cut into tiles.

    Attributes:
        tile: side of the square tiles in px of the image, or height and width; None for the network's input, so that
            nothing is scaled.
        overlap: px that neighbours share at least; None for a fifth of the tile's shorter side.
        largest_object: longer side of the largest object in px, in place of `overlap`: then every object lies whole in
            some tile. Larger ones are put together from parts, as far as the network finds those.
        overview: look at the whole image on a smaller scale, too, for objects that no tile shows whole.
    """

    tile: int | Size | None = None
    overlap: int | None = None
    largest_object: float | None = None
    overview: bool = False

    def plan(self, image: Size, imgsz: Size) -> TilePlan:
        """The tiles of an image of this height and width in px, for a network with this input.

        Raises:
            ConfigError: a value out of range.
        """
        return TilePlan.of(
            *image,
            tile=imgsz if self.tile is None else self.tile,
            overlap=self.overlap,
            largest_object=self.largest_object,
            overview=self.overview,
        )

    def require_possible(self, imgsz: Size) -> None:
        """Fail before any image is seen, where no large one could be cut.

        Raises:
            ConfigError: a value out of range.
        """
        tile = imgsz if self.tile is None else self.tile
        tall, wide = tile if isinstance(tile, tuple) else (tile, tile)
        self.plan((tall + 1, wide + 1), imgsz)


@dataclass(frozen=True)
class TilePlan:
    """Tiles of one size that cover every pixel of an image, evenly spread, none sticking out.

    Attributes:
        height: of the image, px.
        width: of the image, px.
        tile: height and width of a tile, px; where the image is smaller, that of the image.
        overlap: px that neighbours share at least; even spreading may give more.
        overview: whether the whole image is looked at, too, for objects that no tile shows whole.

    Raises:
        ConfigError: a value out of range.

    >>> plan = TilePlan.of(100, 250, tile=100, overlap=20)
    >>> [tile.left for tile in plan.tiles]
    [0, 75, 150]
    """

    height: int
    width: int
    tile: Size
    overlap: int
    overview: bool = False

    def __post_init__(self) -> None:
        for name, value in (("height", self.height), ("width", self.width), ("overlap", self.overlap)):
            _require_whole(name, value)
        if len(self.tile) != 2:
            raise ConfigError(f"tile: expected height and width, found {self.tile}")
        for value, side in zip(self.tile, (self.height, self.width), strict=True):
            _require_whole("tile", value)
            if value > side:
                raise ConfigError(f"tile: expected at most the {side} px of the image, found {value}")
            if value < side and self.overlap >= value:
                raise ConfigError(
                    f"overlap: expected less than the tile's {value} px, found {self.overlap}",
                    hint="take larger tiles",
                )
        if (count := len(self._starts(0)) * len(self._starts(1))) > _MOST:
            raise ConfigError(
                f"tiles: expected at most {_MOST} an image, found {count}", hint="take larger tiles, or overlap less"
            )

    @classmethod
    def of(
        cls,
        height: int,
        width: int,
        *,
        tile: int | Size,
        overlap: int | None = None,
        largest_object: float | None = None,
        overview: bool = False,
    ) -> TilePlan:
        """A plan for an image of this height and width in px.

        Args:
            height: of the image.
            width: of the image.
            tile: side of the square tiles, or height and width.
            overlap: px that neighbours share at least.
            largest_object: longer side of the largest object in px, in place of `overlap`: then every object lies whole
                in a tile, clear of its borders.
            overview: see the attribute.

        Raises:
            ConfigError: a value out of range, or both an overlap and an object size.
        """
        tall, wide = tile if isinstance(tile, tuple) else (tile, tile)
        _require_whole("tile", tall)
        _require_whole("tile", wide)
        if largest_object is not None:
            if overlap is not None:
                raise ConfigError("overlap: expected it or largest_object, found both")
            overlap = _overlap_for(largest_object, max(tall, wide))
            if overlap >= min(tall, wide) and (tall < height or wide < width):
                raise ConfigError(
                    f"largest_object: expected one that a tile of {tall}x{wide} px shows whole, with room to spare, "
                    f"found {largest_object} px",
                    hint="take larger tiles, or give the overlap and look at the whole image, too (overview)",
                )
        elif overlap is None:
            overlap = max(round(SHARE * min(tall, wide)), 1)
        sides = min(tall, height), min(wide, width)
        return cls(height, width, sides, overlap, overview and sides != (height, width))

    @cached_property
    def tiles(self) -> tuple[Tile, ...]:
        """The tiles by rows, and at the end the overview; of a small image one, which is all of it."""
        rows, columns = self._starts(0), self._starts(1)
        tall, wide = self.tile
        tiles = [
            Tile(top, left, tall, wide, (left > 0, top > 0, left + wide < self.width, top + tall < self.height))
            for top in rows
            for left in columns
        ]
        if self.overview:
            tiles.append(Tile(0, 0, self.height, self.width, overview=True))
        return tuple(tiles)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON or YAML."""
        return {**asdict(self), "tile": list(self.tile)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> TilePlan:
        """From what `to_dict` gave.

        Raises:
            ConfigError: a key is missing or unknown, or a value out of range.
        """
        try:
            return cls(**{**values, "tile": tuple(values["tile"])})
        except (KeyError, TypeError) as error:
            raise ConfigError(
                f"tile plan: expected height, width, tile, overlap and overview, found {dict(values)}"
            ) from error

    def _starts(self, axis: int) -> list[int]:
        side, tile = (self.height, self.width)[axis], self.tile[axis]
        if tile == side:
            return [0]
        gaps = -(-(side - tile) // (tile - self.overlap))
        return [i * (side - tile) // gaps for i in range(gaps + 1)]


def _overlap_for(largest: float, side: int) -> int:
    if isinstance(largest, bool) or not isinstance(largest, Real) or not 0 < largest < float("inf"):
        raise ConfigError(f"largest_object: expected a positive number of px, found {largest!r}")
    return int(np.ceil(largest + 2 * _MARGIN * side)) + 1


def _require_whole(name: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
        raise ConfigError(f"{name}: expected a positive number of px, found {value!r}")
