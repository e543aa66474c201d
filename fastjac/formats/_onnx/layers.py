"""From a chain of steps to the layers of a network."""

import numpy as np

from fastjac.formats._onnx import values
from fastjac.formats._onnx.spellings import check_complete
from fastjac.formats.errors import ModelFormatError
from fastjac.formats.links import add_up, check_size
from fastjac.layer import Layer
from fastjac.parts import Affine, Elementwise, LayerNorm, RMSNorm


def layers_of(chain, n, dtype, is_network=True):
    """The layers of a chain of links on n units, in order, for a network of that type, or for a part of one."""
    layers = []
    for link in chain:
        try:
            check_complete(link)
            layers += _layers_of(link, n, dtype, is_network and not layers)
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
                check_size(n, n)
                return [Layer(np.eye(n), None, name, **parameters)]
            return [Elementwise(name, **parameters)]
        case values.Norm(epsilon, takes_mean):
            scale = np.ones(n) if is_first else 1.0
            return [(LayerNorm if takes_mean else RMSNorm)(scale, epsilon=epsilon)]
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
        case values.Sum(branches):
            return add_up([layers_of(branch, n, dtype, False) for branch in branches], n, link.n)
