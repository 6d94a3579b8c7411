"""Memory for tensors that is used again.

A tensor of a large input takes longer to get from the system than to fill. It may also still be in use when the next
one is made: one thread prepares an image while another runs the one before. So memory is used again only when nothing
refers to it any more, which is asked of the interpreter, not of the callers.
"""

from __future__ import annotations

import sys
from math import prod
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

_BLOCKS = 4  # one is filled, one is run, one waits between them
_LARGEST = 64 << 20
"""Bytes of a tensor that is kept; a larger one costs more to keep than to get."""


class Block:
    """Memory for one tensor (B, 3, H, W), and for one of its pictures on the way there.

    Args:
        shape: of the tensor.

    Attributes:
        shape: of the tensor.
        memory: float32, as many numbers as the tensor has.
        pixels: (H * W * 3,) uint8.
        planes: (3 * H * W,) uint8.
        layout: what the tensor was filled by last, for whoever fills it.
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape
        self.memory: NDArray[np.float32] = np.empty(prod(shape), np.float32)
        self.pixels, self.planes = np.empty((2, prod(shape[1:])), np.uint8)
        self.layout: object = None

    @property
    def tensor(self) -> NDArray[np.float32]:
        """The memory as a tensor."""
        return self.memory.reshape(self.shape)

    def references(self) -> int:
        """To the memory of the tensor; a view of a view is one, too."""
        return sys.getrefcount(self.memory)


class Buffers:
    """A few blocks of memory. Any thread may take one."""

    def __init__(self) -> None:
        self._blocks: list[Block] = []
        self._lock = Lock()
        self._own = Block((0, 0)).references()

    def take(self, shape: tuple[int, ...]) -> tuple[Block, NDArray[np.float32]]:
        """A block, and its tensor with anything in it; both are the taker's as long as the tensor is referred to."""
        with self._lock:
            for block in self._blocks:
                if block.shape == shape and block.references() <= self._own:
                    return block, block.tensor
            block = Block(shape)
            tensor = block.tensor
            if tensor.nbytes <= _LARGEST:
                # The oldest goes first: of a shape that no longer comes, or held for good.
                self._blocks = [*self._blocks[1 - _BLOCKS :], block]
            return block, tensor

    def __reduce__(self) -> tuple[Any, ...]:
        return Buffers, ()
