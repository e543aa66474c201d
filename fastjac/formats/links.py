"""Values that depend on an input, each a step away from an earlier one, and the sums of such values.

They form a tree with the input at its root, so that two of them have a last common ancestor and two chains of
steps from there.
"""

import numpy as np

from fastjac.formats.errors import ModelFormatError
from fastjac.layer import Layer
from fastjac.parts import Affine, Residual

# Entries of matrices that no file holds: of a layer that copies units or puts them together.
MOST_PLACED = 2**22


class Link:
    """A step from an earlier link, where it stands in the source, and how many units it gives."""

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


def check_size(n, m):
    if n * m > MOST_PLACED:
        raise ModelFormatError(f"expected at most {MOST_PLACED} entries in a layer that copies units, got {n} x {m}")


def add_up(branches, n, m):
    """Parts of a = Σ g(a) over branches g, each a list of parts from n to m units; the empty one gives a itself."""
    W, b = np.zeros((n, m)), np.zeros(m)
    curved = []
    for branch in branches:
        pair = _matrix(branch, n)
        if pair is None:
            curved.append(branch)
        else:
            W, b = W + pair[0], b + pair[1]
    if not curved:
        return [Layer(W, b)]
    if len(curved) == 1:
        is_plain = n == m and np.array_equal(W, np.eye(n)) and not np.any(b)
        return [Residual(curved[0], skip=None if is_plain else Layer(W, b))]
    # The state (a, s) keeps a and gathers s = Σ g(a).
    check_size(n + m, n + m)
    keep, gather = np.eye(n, n + m), np.eye(m, n + m, n)
    parts = [Layer(keep + W @ gather, b @ gather)]
    for inner in curved:
        first = inner[0]
        inner = [_changed(first, keep.T @ first.W, first.b), *inner[1:]] if isinstance(first, Layer) else [
            Layer(keep.T), *inner]
        last = inner[-1]
        if isinstance(last, Layer) and last.activation == "identity":
            inner[-1] = _changed(last, last.W @ gather, None if last.b is None else last.b @ gather)
        else:
            inner.append(Layer(gather))
        parts.append(Residual(inner))
    return [*parts, Layer(gather.T)]


def _changed(layer, W, b):
    return Layer(W, b, layer.activation, **layer.parameters)


def _matrix(parts, n):
    """W and b of parts that are Wᵀ a + b to the last bit but one; None of others."""
    m, c = np.ones(n), np.zeros(n)
    parts = list(parts)
    while parts and isinstance(parts[0], Affine):
        first = parts.pop(0)
        m, c = first.scale * m, first.scale * (c - first.center) + first.shift
    if not parts:
        check_size(n, n)
        return np.diag(m), c
    dense = parts.pop(0)
    if not isinstance(dense, Layer) or dense.activation != "identity":
        return None
    # A shift in front of weights would be rounded with their sum, but not if there is one weight for a unit.
    moves = np.all(np.count_nonzero(dense.W, axis=0) <= 1)
    if not (moves or (np.all(m == 1) and not np.any(c))):
        return None
    W = m[:, None] * dense.W
    b = c @ dense.W + (0 if dense.b is None else dense.b)
    for part in parts:
        if not isinstance(part, Affine):
            return None
        W, b = W * part.scale, part.scale * (b - part.center) + part.shift
    return W, b
