"""Values of a graph that depend on the input: each is a step away from an earlier one.

So they form a tree with the input at its root, and two of them have a last common ancestor and two chains of
steps from there: what an operator on both has to understand.
"""

from dataclasses import dataclass, field

import numpy as np

ZERO, ONE = np.float64(0), np.float64(1)

# Entries of matrices that no file holds: of a layer that copies units or puts them together.
MOST_PLACED = 2**22


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
    "sqrt": "no square root of what depends on the input",
    "reciprocal": "1/(1 + exp(-h)) or h/(1 + |h|)",
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
class Sum:
    """a = Σ g(a) over the branches g, each a chain of links; the empty one gives a itself."""

    branches: tuple


class Link:
    """A step from an earlier link, where it stands in the file, and how many units it gives."""

    __slots__ = ("depth", "label", "n", "parent", "step")

    def __init__(self, parent, step, label, n):
        self.parent = parent
        self.step = step
        self.label = label
        self.n = n
        self.depth = 0 if parent is None else parent.depth + 1

    def chain(self, ancestor):
        """The links behind `ancestor` up to this one."""
        links = []
        link = self
        while link is not ancestor:
            links.append(link)
            link = link.parent
        return links[::-1]


def fork(*links):
    """The last common ancestor, and the chain from it to each of the links."""
    ancestors = list(links)
    depth = min(link.depth for link in links)
    while True:
        ancestors = [_ancestor(link, depth) for link in ancestors]
        if all(link is ancestors[0] for link in ancestors):
            return ancestors[0], *(link.chain(ancestors[0]) for link in links)
        depth -= 1


def _ancestor(link, depth):
    while link.depth > depth:
        link = link.parent
    return link


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
