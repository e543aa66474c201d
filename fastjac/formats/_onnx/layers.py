"""From a chain of steps to the layers of a network."""

import numpy as np

from fastjac.formats._onnx import values
from fastjac.formats._onnx.spellings import check_complete
from fastjac.formats.errors import ModelFormatError
from fastjac.layer import Layer
from fastjac.parts import Affine, Elementwise, Residual


def layers_of(chain, n, dtype):
    """The layers of a chain of links on n units, in order, for a network of that type."""
    layers = []
    for link in chain:
        try:
            check_complete(link)
            layers += _layers_of(link, n, dtype, is_first=not layers)
        except (ValueError, TypeError) as error:
            already = isinstance(error, ModelFormatError) and str(error).startswith("node ")
            raise ModelFormatError(str(error) if already else f"{link.label}: {error}") from error
        n = link.n
    return layers


def _layers_of(link, n, dtype, is_first):
    match link.step:
        case values.Dense(W, b):
            return [Layer(W, b)]
        case values.Affine(scale, shift, center):
            # The first one tells how many inputs there are.
            return [Affine(np.broadcast_to(scale, n) if is_first else scale, shift, center)]
        case values.Unary(name, parameters):
            # A bound that is missing is beyond every number.
            largest = np.finfo(dtype).max
            parameters = {key: np.clip(value, -largest, largest) for key, value in parameters.items()}
            if is_first:
                _check_size(n, n)
                return [Layer(np.eye(n), None, name, **parameters)]
            return [Elementwise(name, **parameters)]
        case values.Select(indices):
            _check_size(n, indices.size)
            W = np.zeros((n, indices.size), np.float32)
            W[indices, np.arange(indices.size)] = 1
            return [Layer(W)]
        case values.Sum(branches):
            return _sum(branches, n, link.n, dtype)


def _check_size(n, m):
    if n * m > values.MOST_PLACED:
        raise ModelFormatError(
            f"expected at most {values.MOST_PLACED} entries in a layer that copies units, got {n} x {m}"
        )


def _sum(branches, n, m, dtype):
    """y = Σ g(a) over chains g from n to m units."""
    if len(branches) == 2 and [] in branches and n == m:
        branch = branches[0] or branches[1]
        return [Residual(layers_of(branch, n, dtype))]
    # The state (a, s) keeps a and gathers s = Σ g(a); what is affine in a goes in at once.
    W, b = np.zeros((n, m)), np.zeros(m)
    curved = []
    for branch in branches:
        if (pair := _matrix(branch, n)) is None:
            curved.append(branch)
        else:
            W, b = W + pair[0], b + pair[1]
    if not curved:
        return [Layer(W, b)]
    _check_size(n + m, n + m)
    keep, gather = np.eye(n, n + m), np.eye(m, n + m, n)
    layers = [Layer(keep + W @ gather, b @ gather)]
    for branch in curved:
        inner = layers_of(branch, n, dtype)
        first, last = inner[0], inner[-1]
        if isinstance(first, Layer):
            inner[0] = _changed(first, keep.T @ first.W, first.b)
        else:
            inner.insert(0, Layer(keep.T))
        last = inner[-1]
        if isinstance(last, Layer) and last.activation == "identity":
            inner[-1] = _changed(last, last.W @ gather, None if last.b is None else last.b @ gather)
        else:
            inner.append(Layer(gather))
        layers.append(Residual(inner))
    return [*layers, Layer(gather.T)]


def _changed(layer, W, b):
    return Layer(W, b, layer.activation, **layer.parameters)


def _matrix(chain, n):
    """W and b of a chain that is Wᵀ a + b to the last bit but one; None of another."""
    steps = [link.step for link in chain]
    m, c = np.ones(n), np.zeros(n)
    while steps and isinstance(steps[0], values.Affine):
        scale, shift = steps.pop(0).line
        m, c = scale * m, scale * c + shift
    if not steps:
        _check_size(n, n)
        return np.diag(m), c
    dense = steps.pop(0)
    # A shift in front of weights would be rounded with their sum, but not if there is one weight for a unit.
    moves = isinstance(dense, values.Dense) and np.all(np.count_nonzero(dense.W, axis=0) <= 1)
    if not isinstance(dense, values.Dense) or not (moves or (np.all(m == 1) and not np.any(c))):
        return None
    W = m[:, None] * dense.W
    b = c @ dense.W + (0 if dense.b is None else dense.b)
    for step in steps:
        if not isinstance(step, values.Affine):
            return None
        scale, shift = step.line
        W, b = W * scale, b * scale + shift
    return W, b
