"""Accuracy gates on random networks, on every SIMD build: see docs/accuracy.md.

G1 every component within the running bound, G2 a small multiple of one rounding per operation,
G3 normwise figures, G4 integers exact, G6 one NaN, the same result in every lane.
"""

from functools import cache
from typing import NamedTuple

import numpy as np
import pytest
from networks import EXPLOSIVE, PIECEWISE_LINEAR, SUBJECTS, random_layers
from oracles import (
    HAS_EXTENDED,
    Plain,
    normwise,
    numpy_reference,
    reference,
    running_bound,
    unit_roundoff,
)
from textbook import EXTENDED

import fastjac as fj
from fastjac.kernels import dispatch

needs_extended = pytest.mark.skipif(not HAS_EXTENDED, reason="long double is not 80 bits wide here")
both_dtypes = pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=["f64", "f32"])

SHALLOW = [(1, 1), (3, 2), (5, 17, 3), (4, 9, 8, 6), (8, 33, 16, 5, 7)]
DEEP = [(6, 20, 20, 20, 20, 20, 20, 20, 3), (9, 30, 4, 30, 30, 2, 30, 9)]
NORMWISE = {np.float64: 1e-14, np.float32: 5e-6}
N_POINTS = 12


@pytest.fixture(params=dispatch.available())
def simd(request):
    """Each build that this CPU runs, and the previous one afterwards."""
    previous = dispatch.simd_level()
    dispatch.select(request.param)
    yield request.param
    dispatch.select(previous)


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
    numpy_J: np.ndarray


def examine(layers, x):
    dtype = x.dtype.type
    y, J = reference(layers, x)
    assert np.isfinite(y).all() and np.isfinite(J).all()
    e, B, G = running_bound(layers, x, dtype)
    roundings = running_bound(layers, x, dtype, worst=False)[1]
    numpy_J = np.stack([numpy_reference(layers, point, dtype)[1] for point in x])
    return Case(layers, x, y, J, e, B, G, roundings, numpy_J)


@cache
def random_case(name, dtype, widths, gain):
    case = examine(*random_layers(name, widths, dtype, gain, n_points=N_POINTS))
    assert case.J.any() or widths == (1, 1)
    return case


@cache
def mixed_case(names, dtype):
    widths = (6, 11, 5, 9, 4)[-len(names) - 1:]
    parts = [random_layers(name, widths, dtype, 2, n_points=N_POINTS) for name in names]
    return examine([layers[k] for k, (layers, _) in enumerate(parts)], parts[0][1])


def orders(n_layers):
    """Pure sweeps, the planned order, and meetings in the middle."""
    nested = {3: [((3, 2), 1)], 4: [((4, 3), (2, 1)), (4, ((3, 2), 1))]}
    return ["auto", "forward", "reverse", *nested.get(n_layers, [])]


def build(layers, order="auto", dtype=None):
    return fj.Network([fj.Layer(layer.W, layer.b, layer.activation, **layer.parameters) for layer in layers],
                      order=order, dtype=dtype)


def largest(error, bound):
    """The largest error in units of the bound; infinite where a NaN or an error stands over no bound."""
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
    assert largest(abs(J - case.J), case.roundings) <= 16

    rng = np.random.default_rng(1)
    v = rng.standard_normal((len(case.x), net.n_in)).astype(case.x.dtype)
    w = rng.standard_normal((len(case.x), net.n_out)).astype(case.x.dtype)
    sums = net.n_out * unit_roundoff(case.x.dtype) * case.G
    exact_v, bound_v = (np.einsum("pij,pj->pi", *pair) for pair in ((case.J, v), (case.B, abs(v))))
    exact_w, bound_w = (np.einsum("pi,pij->pj", *pair) for pair in ((w, case.J), (abs(w), case.B + sums)))
    assert largest(abs(net.jvp(case.x, v) - exact_v), bound_v) <= 1
    assert largest(abs(net.vjp(case.x, w) - exact_w), bound_w) <= 1
    return ratio


def test_every_activation_is_a_subject():
    assert {fj.activations.find(name).name for name, _ in SUBJECTS.values()} == set(fj.ACTIVATIONS)


@needs_extended
@both_dtypes
@pytest.mark.parametrize("name", SUBJECTS)
def test_g1_g2_running_bound(name, dtype, simd, record_property):
    """G1 and G2; the shapes cover one unit, tails of every vector width, and bottlenecks."""
    worst = 0
    for widths in SHALLOW + ([] if name in EXPLOSIVE else DEEP):
        for gain in (1, 3):
            case = random_case(name, dtype, widths, gain)
            for order in orders(len(case.layers)):
                worst = max(worst, assert_within_bounds(build(case.layers, order), case))
    record_property("largest_error_in_bounds", worst)


@needs_extended
@both_dtypes
@pytest.mark.parametrize("name", sorted(PIECEWISE_LINEAR))
def test_g2_sixteen_roundings(name, dtype, simd, record_property):
    """G2 in its plain form, 16 u G, where f' is exact, so that products alone are rounded."""
    worst = 0
    for widths in SHALLOW:
        for gain in (1, 3):
            case = random_case(name, dtype, widths, gain)
            for order in orders(len(case.layers)):
                J = build(case.layers, order).jacobian(case.x)
                worst = max(worst, largest(abs(J - case.J), unit_roundoff(dtype) * case.G))
    assert worst <= 16
    record_property("largest_error_in_u_G", worst)


@needs_extended
@both_dtypes
@pytest.mark.parametrize("name", SUBJECTS)
def test_g3_normwise(name, dtype, simd, record_property):
    """The figures for shallow networks; at any depth at most twice what NumPy does, plus 4u.

    At gain 3 some points are next to a root of f' or far in its tail, where the condition of J has
    no bound and NumPy misses the figures as well: there the median over the points counts.
    """
    worst = 0
    for widths in SHALLOW + ([] if name in EXPLOSIVE else DEEP):
        for gain in (1, 3):
            case = random_case(name, dtype, widths, gain)
            by_numpy = np.median(normwise(case.numpy_J, case.J))
            for order in orders(len(case.layers)):
                error = normwise(build(case.layers, order).jacobian(case.x), case.J)
                assert np.median(error) <= 2 * by_numpy + 4 * unit_roundoff(dtype)
                if widths in SHALLOW and widths != (1, 1):
                    worst = max(worst, error.max() if gain == 1 else np.median(error))
    assert worst <= NORMWISE[dtype]
    record_property("largest_normwise_error", worst)


@needs_extended
@both_dtypes
@pytest.mark.parametrize("names", [
    ("tanh", "softmax"), ("softmax", "identity"), ("log_softmax", "tanh"), ("softmax", "softmax"),
    ("silu", "log_softmax"), ("relu", "softmax", "sigmoid", "log_softmax"),
    ("relu", "tanh", "gelu", "identity"), ("sigmoid", "relu", "relu", "identity"),
], ids="-".join)
def test_g1_mixed_activations(names, dtype, simd):
    """Softmax and log_softmax in hidden and in last layers, and mixtures seen in practice."""
    case = mixed_case(names, dtype)
    by_numpy = np.median(normwise(case.numpy_J, case.J))
    for order in orders(len(names)):
        net = build(case.layers, order)
        assert_within_bounds(net, case)
        error = normwise(net.jacobian(case.x), case.J)
        assert np.median(error) <= 2 * by_numpy + 4 * unit_roundoff(dtype)


@both_dtypes
@pytest.mark.parametrize("widths", [(1, 2), (5, 33), (7, 16, 3), (4, 9, 17, 6), (3, 8, 8, 8, 8, 2)])
def test_g4_integers_exact(widths, dtype, simd):
    rng = np.random.default_rng(widths)
    weights = [(rng.integers(-2, 3, (n, m)), rng.integers(-3, 4, m)) for n, m in zip(widths, widths[1:])]
    x = rng.integers(-4, 5, (20, widths[0]))
    ys, Js = [], []
    for a in x:
        J = np.eye(len(a), dtype=int)
        for W, b in weights:
            h = a @ W + b
            a, J = np.maximum(h, 0), (h > 0)[:, None] * (W.T @ J)
        ys.append(a)
        Js.append(J)
    assert np.any(Js)
    assert np.max(np.abs(Js)) < 2**24
    for order in orders(len(weights)):
        y, J = build([Plain(W.astype(dtype), b.astype(dtype), "relu") for W, b in weights],
                     order).value_and_jacobian(x.astype(dtype))
        np.testing.assert_array_equal(y, ys)
        np.testing.assert_array_equal(J, Js)


@both_dtypes
@pytest.mark.parametrize("name", SUBJECTS)
def test_g6_nan_same_in_every_lane(name, dtype, simd):
    """Units with equal weights are equal lanes: a NaN input gives each of them the same J."""
    activation, parameters = SUBJECTS[name]
    for n in range(1, 34):
        layer = Plain(np.full((2, n), 0.5, dtype), np.zeros(n, dtype), activation, parameters)
        for point in ([np.nan, 1], [1, np.nan]):
            y, J = build([layer]).value_and_jacobian(np.array(point, dtype))
            assert np.isnan(y).all()
            if activation == "identity":
                assert (J == 0.5).all()
            else:
                assert np.isnan(J).all()


@both_dtypes
@pytest.mark.parametrize("activation", ["sin", "cos"])
def test_g6_nan_in_one_lane(activation, dtype, simd):
    """f(inf) is NaN: it stays in its lane, and the other lanes keep their bits."""
    huge = np.finfo(dtype).max
    for n in (1, 2, 3, 7, 8, 15, 16, 17, 24, 33):
        weights = np.linspace(0.1, 0.7, n).astype(dtype) / huge
        clean = build([Plain(weights[None, :], np.zeros(n, dtype), activation)])
        J = clean.jacobian(np.array([huge]))
        for lane in range(n):
            spoilt = weights.copy()
            spoilt[lane] = 4
            y, J_spoilt = build([Plain(spoilt[None, :], np.zeros(n, dtype), activation)]
                                ).value_and_jacobian(np.array([huge]))
            expected = np.where(np.arange(n) == lane, np.nan, J[:, 0])
            np.testing.assert_array_equal(J_spoilt[:, 0], expected)
            np.testing.assert_array_equal(np.isnan(y), np.arange(n) == lane)


@both_dtypes
def test_g6_nan_row_of_a_batch(dtype, simd):
    """Case 31: every other point of the batch keeps its bits, wherever the NaN row is."""
    layers, x = random_layers("relu", (5, 17, 9, 3), dtype, 1, n_points=19)
    for order in orders(3):
        net = build(layers, order)
        J = net.jacobian(x)
        for row in range(len(x)):
            spoilt = x.copy()
            spoilt[row, 2] = np.nan
            J_spoilt = net.jacobian(spoilt)
            assert np.isnan(J_spoilt[row]).all()
            others = np.arange(len(x)) != row
            np.testing.assert_array_equal(J_spoilt[others], J[others])


@needs_extended
@both_dtypes
@pytest.mark.parametrize("name", ["identity", "relu", "leaky_relu", "tanh", "sigmoid", "silu", "elu", "erf"])
def test_case_18_subnormals(name, dtype, simd):
    """Subnormal inputs, and weights whose product is subnormal: within the same bound."""
    exponent = {np.float64: -530, np.float32: -70}[dtype]
    layers, x = random_layers(name, (4, 9, 3), dtype, 1, n_points=N_POINTS)
    small = [layer._replace(W=layer.W * dtype(2.0)**exponent) for layer in layers]
    assert_within_bounds(build(small), case := examine(small, x))
    assert (abs(case.J) < np.finfo(dtype).tiny).any()
    subnormal = (x * np.finfo(dtype).tiny / 8).astype(dtype)
    unbiased = [layer._replace(b=np.zeros_like(layer.b)) for layer in layers]
    assert_within_bounds(build(unbiased), examine(unbiased, subnormal))


@both_dtypes
def test_case_18_nothing_is_flushed(dtype, simd):
    """The smallest subnormal goes through as a value, as a weight and as J."""
    smallest = np.finfo(dtype).smallest_subnormal
    one = np.ones((1, 1), dtype)
    y, J = build([Plain(one, one[0] * 0, "relu"), Plain(one, one[0] * 0)]).value_and_jacobian(
        np.array([smallest]))
    assert y[0] == smallest and J[0, 0] == 1
    J = build([Plain(one * smallest, one[0], "relu"), Plain(one, one[0])]).jacobian(one[0])
    assert J[0, 0] == smallest


@needs_extended
@both_dtypes
@pytest.mark.parametrize("name", ["tanh", "sigmoid", "log_sigmoid", "softplus", "silu", "elu", "softsign",
                                  "arctan", "erf", "gaussian", "mish", "gelu", "softmax", "log_softmax"])
def test_saturated_units(name, dtype, simd):
    """Pre-activations spread from -20 to 20, where f' is tiny, still within the running bound."""
    layers, x = random_layers(name, (3, 41, 4), dtype, 1, n_points=N_POINTS)
    first = layers[0]._replace(b=np.linspace(-20, 20, 41).astype(dtype))
    case = examine([first, layers[1]._replace(activation="identity", parameters={})], x)
    for order in orders(2):
        assert_within_bounds(build(case.layers, order), case)
    case = examine([first], x)
    assert_within_bounds(build([first]), case)


# Subject -> its kinks and the side whose derivative is documented.
KINKS = {
    "relu": {0: -1}, "relu6": {0: -1, 6: 1}, "leaky_relu": {0: -1}, "prelu": {0: -1},
    "thresholded_relu": {0.25: -1}, "elu_alpha": {0: -1}, "selu": {0: -1},
    "hard_tanh": {-1: -1, 1: 1}, "hard_tanh_limits": {-0.5: -1, 2: 1}, "hard_swish": {-3: -1, 3: 1},
    "soft_shrink": {-0.125: 1, 0.125: -1}, "hard_shrink": {-0.5: 1, 0.5: -1},
}
KINK_CASES = [(name, kink, side) for name, kinks in KINKS.items() for kink, side in kinks.items()]


def at_kink(name, kink, dtype, random):
    """Two layers whose unit 3 is at its kink, exactly or as nearly as rounding lets it."""
    activation, parameters = SUBJECTS[name]
    rng = np.random.default_rng(7)
    draw = rng.standard_normal if random else (lambda shape: rng.integers(-2, 3, shape))
    W, last, x = (np.asarray(draw(shape), dtype) for shape in ((4, 7), (7, 2), 4))
    last[3] = [1, -2]
    b = (np.arange(7) / 4 + 5).astype(dtype)
    b[3] = dtype(kink) - x @ W[:, 3]
    W[:, 3] += ~W[:, 3].any()
    b[3] = kink - x @ W[:, 3]
    return [Plain(W, b, activation, parameters), Plain(last, np.zeros(2, dtype))], x


def one_sided(layers, x, side, distance):
    """The Jacobian, and its condition, with unit 3 moved off its kink by a distance."""
    first = layers[0]
    b = first.b.astype(EXTENDED)
    b[3] += side * EXTENDED(distance)
    moved = [first._replace(b=b), layers[1]]
    return reference(moved, x[None])[1][0], running_bound(moved, x[None], x.dtype.type, worst=False)[2][0]


@needs_extended
@both_dtypes
@pytest.mark.parametrize("name, kink, side", KINK_CASES)
def test_kink_has_documented_side(name, kink, side, dtype, simd):
    layers, x = at_kink(name, kink, dtype, random=False)
    exact, G = one_sided(layers, x, side, 2.0**-60)
    other, _ = one_sided(layers, x, -side, 2.0**-60)
    assert abs(exact - other).max() > 0.001
    for order in orders(2):
        J = build(layers, order).jacobian(x)
        assert largest(abs(J - exact), unit_roundoff(dtype) * (16 * G + 4 * abs(exact))) <= 1


@needs_extended
@both_dtypes
@pytest.mark.parametrize("name, kink", [(name, kink) for name, kink, _ in KINK_CASES
                                        if name in PIECEWISE_LINEAR])
def test_g1_near_kink_is_one_sided(name, kink, dtype, simd):
    """Within a rounding error of a kink, J is one of the two one-sided Jacobians, never a mixture."""
    layers, x = at_kink(name, kink, dtype, random=True)
    sides = [one_sided(layers, x, side, 64 * unit_roundoff(dtype)) for side in (-1, 1)]
    for order in orders(2):
        J = build(layers, order).jacobian(x)
        assert min(largest(abs(J - exact), 16 * unit_roundoff(dtype) * G) for exact, G in sides) <= 1


@both_dtypes
def test_abs_at_zero(dtype, simd):
    """abs is the one whose derivative at the kink, 0, is on neither side but between them."""
    one = np.ones((1, 1), dtype)
    assert build([Plain(one, 0 * one[0], "abs")]).jacobian(0 * one[0]) == 0
