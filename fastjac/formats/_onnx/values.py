"""The steps of an ONNX graph's links, and what its edges hold."""

from dataclasses import dataclass, field

import numpy as np

from fastjac.formats.links import Link

ZERO, ONE = np.float64(0), np.float64(1)


@dataclass(frozen=True)
class Dense:
    """a = Wᵀ a + b; W is (n_in, n_out)."""

    W: np.ndarray
    b: np.ndarray | None = None


@dataclass(frozen=True)
class Affine:
    """a = scale·(a - center) + shift, each a number or one per unit, as arrays."""

    scale: np.ndarray | np.float64 = ONE
    shift: np.ndarray | np.float64 = ZERO
    center: np.ndarray | np.float64 = ZERO

    @property
    def line(self):
        """m and c of m·a + c."""
        return self.scale, self.shift - self.scale * self.center


@dataclass(frozen=True)
class Unary:
    """a = f(a), by the name of an activation or of a part of one (`PARTS`)."""

    name: str
    parameters: dict = field(default_factory=dict)


# Functions that are no activations; they must become part of one before the network is made.
PARTS = {
    "log": "log of a sum 1 + exp(h), of sigmoid or of softmax",
    "sqrt": "1/√(mean(h²) + ε)",
    "reciprocal": "1/(1 + exp(-h)), h/(1 + |h|) or h/√(mean(h²) + ε)",
    "cubic": "a cubic inside the tanh of gelu",
    "sign": "a sign inside soft_shrink",
    "sign_shift": "a sign inside soft_shrink",
    "above": "a comparison inside Where that spells an activation",
}


@dataclass(frozen=True)
class Select:
    """The units with these numbers."""

    indices: np.ndarray


@dataclass(frozen=True)
class Mean:
    """One unit, the mean of all."""


@dataclass(frozen=True)
class Center:
    """a = a - mean(a)."""


@dataclass(frozen=True)
class Norm:
    """a = a/√(mean(a²) + ε), with the mean taken off a first or not."""

    epsilon: np.float64
    takes_mean: bool


@dataclass(frozen=True)
class Value:
    """What an edge of the graph holds: a link, seen in a shape and as a type."""

    link: Link
    shape: tuple
    dtype: np.dtype

    @property
    def tolerance(self):
        """How far a written constant may be from the one that it stands for, relatively."""
        return 4 * np.finfo(self.dtype).eps
