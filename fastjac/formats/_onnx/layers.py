"""From a chain of steps to the layers of a network."""

import numpy as np

from fastjac.formats._onnx import values
from fastjac.formats._onnx.spellings import check_complete
from fastjac.formats.errors import ModelFormatError
from fastjac.formats.links import Sum, add_up, check_size
from fastjac.layer import Layer
from fastjac.parts import Affine, Elementwise, LayerNorm, RMSNorm


def layers_of(chain, n, dtype):
    """The layers of a chain of links on n units, in order, for a network of that type."""
    layers = []
    for link in chain:
        try:
            check_complete(link)
            layers += _layers_of(link, n, dtype)
        except (ValueError, TypeError) as error:
            already = isinstance(error, ModelFormatError) and str(error).startswith("node ")
            raise ModelFormatError(str(error) if already else f"{link.label}: {error}") from error
        n = link.n
    return layers


def _layers_of(link, n, dtype):
    match link.step:
        case values.Dense(W, b):
            return [Layer(W, b)]
        case values.Affine(scale, shift, center):
            return [Affine(scale, shift, center)]
        case values.Unary(name, parameters):
            # A bound that is missing is beyond every number.
            largest = np.finfo(dtype).max
            parameters = {key: np.clip(value, -largest, largest) for key, value in parameters.items()}
            return [Elementwise(name, **parameters)]
        case values.Norm(epsilon, takes_mean):
            return [(LayerNorm if takes_mean else RMSNorm)(epsilon=epsilon)]
        case values.Mean():
            return [Layer(np.full((n, 1), 1 / n))]
        case values.Center():
            check_size(n, n)
            return [Layer(np.eye(n) - 1 / n)]
        case values.Select(indices):
            check_size(n, indices.size)
            W = np.zeros((n, indices.size), np.float32)
            W[indices, np.arange(indices.size)] = 1
            return [Layer(W)]
        case Sum(branches):
            return add_up([layers_of(branch, n, dtype) for branch in branches], n, link.n)
