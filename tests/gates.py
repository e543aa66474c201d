"""What the accuracy tests share: networks with all that the oracles say of them, and the gates."""

from typing import NamedTuple

import numpy as np
import pytest
from builds import BUILDS, selected
from oracles import HAS_EXTENDED, normwise, numpy_reference, reference, running_bound, unit_roundoff
from textbook import EXTENDED

import fastjac as fj

needs_extended = pytest.mark.skipif(not HAS_EXTENDED, reason="long double is not 80 bits wide here")
both_dtypes = pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=["f64", "f32"])
every_build = pytest.mark.parametrize("simd", BUILDS)

# G3: largest normwise error of J, in figures.
NORMWISE = {np.float64: 1e-14, np.float32: 5e-6}
# G2: roundings per operation that an error may amount to.
ROUNDINGS = 16


class Case(NamedTuple):
    """A network, points, and all that the oracles say of it."""

    layers: list
    x: np.ndarray
    y: np.ndarray
    J: np.ndarray
    e: np.ndarray
    B: np.ndarray
    G: np.ndarray
    roundings: np.ndarray
    numpy_error: np.ndarray


def examine(layers, x):
    dtype = x.dtype.type
    y, J = reference(layers, x)
    assert np.isfinite(y).all()
    assert np.isfinite(J).all()
    e, B, G = running_bound(layers, x, dtype)
    roundings = running_bound(layers, x, dtype, worst=False)[1]
    numpy_J = np.stack([numpy_reference(layers, point, dtype)[1] for point in x])
    return Case(layers, x, y, J, e, B, G, roundings, normwise(numpy_J, J))


def orders(n_layers):
    """Pure sweeps, the planned order, and meetings in the middle."""
    nested = {3: [((3, 2), 1)], 4: [((4, 3), (2, 1)), (4, ((3, 2), 1))]}
    return ["auto", "forward", "reverse", *nested.get(n_layers, [])]


def build(layers, simd, order="auto"):
    """The network of the library, which keeps the SIMD build that is selected while it is made."""
    with selected(simd):
        return fj.Network([fj.Layer(layer.W, layer.b, layer.activation, **layer.parameters)
                           for layer in layers], order=order)


def largest(error, bound):
    """The largest error in units of the bound; infinite for a NaN, or an error over no bound."""
    error, bound = np.asarray(error, EXTENDED), np.asarray(bound, EXTENDED)
    ratio = np.where(error == 0, 0, error / np.where(bound == 0, np.finfo(EXTENDED).tiny, bound))
    return float(np.where(np.isnan(ratio), np.inf, ratio).max())


def assert_within_bounds(net, case):
    """G1 and G2 for value, Jacobian and both products; the largest error of J in units of B."""
    y, J = net.value_and_jacobian(case.x)
    assert y.dtype == J.dtype == case.x.dtype
    assert largest(abs(y - case.y), case.e) <= 1
    assert largest(abs(net(case.x) - case.y), case.e) <= 1
    ratio = largest(abs(J - case.J), case.B)
    assert ratio <= 1
    assert largest(abs(J - case.J), case.roundings) <= ROUNDINGS

    rng = np.random.default_rng(1)
    v = rng.standard_normal((len(case.x), net.n_in)).astype(case.x.dtype)
    w = rng.standard_normal((len(case.x), net.n_out)).astype(case.x.dtype)
    sums = net.n_out * unit_roundoff(case.x.dtype) * case.G
    exact_v, bound_v = (np.einsum("pij,pj->pi", *pair) for pair in ((case.J, v), (case.B, abs(v))))
    exact_w, bound_w = (np.einsum("pi,pij->pj", *pair) for pair in ((w, case.J), (abs(w), case.B + sums)))
    assert largest(abs(net.jvp(case.x, v) - exact_v), bound_v) <= 1
    assert largest(abs(net.vjp(case.x, w) - exact_w), bound_w) <= 1
    return ratio


def excess_over_numpy(error, case):
    """Errors of points as parts of what G3 allows them next to NumPy."""
    return error / (2 * case.numpy_error + 4 * float(unit_roundoff(case.x.dtype)))
