"""Values that depend on an input, each a step away from an earlier one, and the sums of such values.

They form a tree with the input at its root, so that two of them have a last common ancestor and two chains of
steps from there.
"""

import numpy as np

from fastjac.layer import Layer
from fastjac.lowering import replaced
from fastjac.parts import Affine, LayerNorm, Residual

# Entries of matrices that no file holds: of a layer that copies units or puts them together.
MOST_PLACED = 2**22
# Entries of the layers that a network makes of its parts: so many, or so many times those that are given.
MOST_MADE, LARGEST_RATIO = 2**24, 64
# Steps that are taken between a fork and the sum, and sums within sums: what is used twice is taken twice.
MOST_STEPS, MOST_NESTED = 4000, 50


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


class Sum:
    """The step a = Σ g(a) over the branches g, each a chain of links; the empty one gives a itself."""

    __match_args__ = ("branches",)
    __slots__ = ("branches", "depth", "n_steps")

    def __init__(self, branches):
        self.branches = tuple(branches)
        inner = [link.step for branch in self.branches for link in branch]
        sums = [step for step in inner if isinstance(step, Sum)]
        self.n_steps = len(inner) + sum(step.n_steps for step in sums)
        self.depth = 1 + max((step.depth for step in sums), default=0)
        if self.n_steps > MOST_STEPS or self.depth > MOST_NESTED:
            raise ValueError(f"expected at most {MOST_STEPS} steps and {MOST_NESTED} sums within each other "
                             f"where branches meet, got {self.n_steps} and {self.depth}")


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


def steps_of(chain):
    """The steps of a chain of links, those inside sums in their place."""
    for link in chain:
        if isinstance(link.step, Sum):
            for branch in link.step.branches:
                yield from steps_of(branch)
        else:
            yield link.step


def check_size(n, m):
    if n * m > MOST_PLACED:
        raise ValueError(f"expected at most {MOST_PLACED} entries in a layer that copies units, got {n} x {m}")


def add_up(branches, n, m):
    """Parts of a = Σ g(a) over branches g, each a list of parts from n to m units; the empty one gives a itself."""
    if len(branches) == 2 and [] in branches and branches != [[], []] and n == m:
        return [_block(branches[0] or branches[1], n)]
    _check_made(n * m, sum(part.W.size for branch in branches for part in branch if isinstance(part, Layer)))
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
        return [_block(curved[0], n, Layer(W, b))]
    # The state (a, s) keeps a and gathers s = Σ g(a).
    check_size(n + m, n + m)
    keep, gather = np.eye(n, n + m), np.eye(m, n + m, n)
    parts = [Layer(keep + W @ gather, b @ gather)]
    for inner in curved:
        first = inner[0]
        inner = [replaced(first, keep.T @ first.W, first.b), *inner[1:]] if isinstance(first, Layer) else [
            Layer(keep.T), *inner]
        last = inner[-1]
        if isinstance(last, Layer) and last.activation == "identity":
            inner[-1] = replaced(last, last.W @ gather, None if last.b is None else last.b @ gather)
        else:
            inner.append(Layer(gather))
        parts.append(_block(inner, n + m))
    return [*parts, Layer(gather.T)]


def _block(parts, n, skip=None):
    part = Residual(parts, skip=skip)
    check_made([part], n)
    return part


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


# ---------------------------------------------------------------- what a network would make of parts


def check_made(parts, n):
    """Raise where the layers that a network makes of parts on n units are far larger than those that are given."""
    given, made, _ = _entries(parts, n)
    _check_made(made, given)


def _check_made(made, given):
    if made > max(MOST_MADE, LARGEST_RATIO * given):
        raise ValueError(f"expected layers with at most {MOST_MADE} weights, or {LARGEST_RATIO} times as many as are "
                         f"given, to be made of them, got {made} for {given}")


def _entries(parts, n, n_carried=0):
    """Weights that are given, weights of the layers that are made of the parts, and units at their end.

    As in `fastjac.lowering`: an activation goes into an open layer, what waits goes into the next one, and for others
    there is one with W = I; all are wider by the units that are carried past them.
    """
    given = made = 0
    is_open = waits = False
    for part in parts:
        n_in, needs_layer = n, False
        if isinstance(part, Layer):
            given, made = given + part.W.size, made + (n + n_carried) * (part.n_out + n_carried)
            n, is_open, waits = part.n_out, part.activation == "identity", False
        elif isinstance(part, Affine):
            waits = waits or not is_open
        elif isinstance(part, Residual):
            skip = n if part.skip is None else part.skip.n_out
            inner_given, inner_made, n_inner = _entries(part.layers, n, n_carried + min(n, skip))
            given += inner_given + (0 if part.skip is None else part.skip.W.size)
            made += inner_made + (n_inner + min(n, skip) + n_carried) * (skip + n_carried)
            needs_layer, n, is_open, waits = waits, skip, True, False
        else:
            needs_layer, is_open, waits = not is_open, False, isinstance(part, LayerNorm)
        made += needs_layer * (n_in + n_carried) ** 2
    return given, made + waits * (n + n_carried) ** 2, n
