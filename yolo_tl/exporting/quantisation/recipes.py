"""How 8-bit networks are written for a processor, as data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """What the 8-bit kernels of a processor are made for.

    Weights are always signed, symmetric, with a scale for each output channel.

    Attributes:
        target: the processor.
        signed: activations are signed.
        symmetric: zero is the middle of their range.
        chained: convolutions also write 8-bit numbers, their biases are 32-bit integers, and what only moves
            numbers (Concat, Split, Resize, MaxPool) stays in 8 bits. Otherwise only what convolutions read is
            marked, and the engine decides how far 8 bits reach.
        fused_silu: SiLU is one node of ONNX Runtime's own operators. Only then an engine may not be another.
        first_float: the first convolution, which reads three channels, stays in float.
    """

    target: str
    signed: bool
    symmetric: bool
    chained: bool
    fused_silu: bool
    first_float: bool


RECIPES = {
    # VNNI multiplies unsigned activations with signed weights. One QuickGelu between 8-bit convolutions takes less
    # time than QLinearSigmoid and QLinearMul, and rounds once instead of three times. A convolution of three channels
    # is slower in 8 bits than in float.
    "x86": Recipe("x86", signed=False, symmetric=False, chained=True, fused_silu=True, first_float=True),
    # The dot product instructions of ARM multiply signed with signed.
    "arm": Recipe("arm", signed=True, symmetric=False, chained=True, fused_silu=True, first_float=True),
    # TensorRT takes signed numbers around zero only, no integer biases, and fuses what lies between Q/DQ pairs itself.
    "tensorrt": Recipe("tensorrt", signed=True, symmetric=True, chained=False, fused_silu=False, first_float=False),
}
