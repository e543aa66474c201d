"""The accuracy gates where arithmetic is at its edges: subnormals, saturated units, kinks."""

import numpy as np
import pytest
from gates import (
    ROUNDINGS,
    assert_within_bounds,
    both_dtypes,
    build,
    every_build,
    examine,
    largest,
    needs_extended,
    orders,
)
from networks import PIECEWISE_LINEAR, SUBJECTS, random_layers
from oracles import Plain, reference, running_bound, unit_roundoff
from textbook import EXTENDED

import fastjac as fj

N_POINTS = 12


@needs_extended
@both_dtypes
@every_build
@pytest.mark.parametrize("name", ["identity", "relu", "leaky_relu", "tanh", "sigmoid", "silu", "elu", "erf"])
def test_case_18_subnormals(name, dtype, simd):
    """Subnormal inputs, and weights whose product is subnormal: within the same bound."""
    exponent = {np.float64: -530, np.float32: -70}[dtype]
    layers, x = random_layers(name, (4, 9, 3), dtype, 1, n_points=N_POINTS)
    small = [layer._replace(W=layer.W * dtype(2.0)**exponent) for layer in layers]
    case = examine(small, x)
    assert_within_bounds(build(small, simd), case)
    assert (abs(case.J) < np.finfo(dtype).tiny).any()
    subnormal = (x * np.finfo(dtype).tiny / 8).astype(dtype)
    unbiased = [layer._replace(b=np.zeros_like(layer.b)) for layer in layers]
    assert_within_bounds(build(unbiased, simd), examine(unbiased, subnormal))


@needs_extended
@both_dtypes
@every_build
@pytest.mark.parametrize("name", ["relu", "tanh"])
def test_case_18_a_quarter_of_the_weights_is_subnormal(name, dtype, simd):
    layers, x = random_layers(name, (6, 33, 17, 9), dtype, 1, n_points=N_POINTS)
    random = np.random.default_rng(2)
    mixed = []
    for layer in layers:
        subnormal = (random.uniform(-0.9, 0.9, layer.W.shape) * np.finfo(dtype).tiny).astype(dtype)
        mixed.append(layer._replace(W=np.where(random.random(layer.W.shape) < 0.25, subnormal, layer.W)))
    # A column of which all weights are subnormal: what leaves them out or flushes them makes its row of J zero.
    mixed[2].W[:, 0] = np.finfo(dtype).tiny / 2
    case = examine(mixed, x)
    for order in orders(3):
        net = build(mixed, simd, order)
        assert_within_bounds(net, case)
        assert (net.jacobian(case.x)[:, 0] != 0).any()


@both_dtypes
@every_build
def test_case_18_nothing_is_flushed(dtype, simd):
    """The smallest subnormal goes through as a value, as a weight and as J."""
    smallest = np.finfo(dtype).smallest_subnormal
    one = np.ones((1, 1), dtype)
    net = build([Plain(one, one[0] * 0, "relu"), Plain(one, one[0] * 0)], simd)
    y, J = net.value_and_jacobian(np.array([smallest]))
    assert y[0] == smallest
    assert J[0, 0] == 1
    net = build([Plain(one * smallest, one[0], "relu"), Plain(one, one[0])], simd)
    assert net.jacobian(one[0])[0, 0] == smallest


@needs_extended
@both_dtypes
@every_build
@pytest.mark.parametrize("name", ["tanh", "sigmoid", "log_sigmoid", "softplus", "silu", "elu", "softsign",
                                  "arctan", "erf", "gaussian", "mish", "gelu", "softmax", "log_softmax"])
def test_saturated_units(name, dtype, simd):
    """Pre-activations spread from -20 to 20, where f' is tiny, still within the running bound."""
    layers, x = random_layers(name, (3, 41, 4), dtype, 1, n_points=N_POINTS)
    first = layers[0]._replace(b=np.linspace(-20, 20, 41).astype(dtype))
    case = examine([first, layers[1]._replace(activation="identity", parameters={})], x)
    for order in orders(2):
        assert_within_bounds(build(case.layers, simd, order), case)
    case = examine([first], x)
    assert_within_bounds(build([first], simd), case)


# Subject -> its kinks and the side whose derivative is documented.
KINKS = {
    "relu": {0: -1}, "relu6": {0: -1, 6: 1}, "leaky_relu": {0: -1}, "prelu": {0: -1},
    "thresholded_relu": {0.25: -1}, "elu_alpha": {0: -1}, "selu": {0: -1},
    "hard_tanh": {-1: -1, 1: 1}, "hard_tanh_limits": {-0.5: -1, 2: 1}, "hard_swish": {-3: -1, 3: 1},
    "hard_sigmoid_limits": {-2: -1, 2: 1},
    "soft_shrink": {-0.125: 1, 0.125: -1}, "hard_shrink": {-0.5: 1, 0.5: -1},
}
KINK_CASES = [(name, kink, side) for name, kinks in KINKS.items() for kink, side in kinks.items()]


def test_every_documented_kink_is_a_case():
    with_kinks = {name for name, entry in fj.ACTIVATIONS.items() if entry.kinks}
    # f of celu is smooth at every alpha; only its second derivative jumps.
    assert {SUBJECTS[name][0] for name in KINKS} | {"abs", "hard_sigmoid", "elu", "celu"} >= with_kinks


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
@every_build
@pytest.mark.parametrize(("name", "kink", "side"), KINK_CASES)
def test_kink_has_documented_side(name, kink, side, dtype, simd):
    layers, x = at_kink(name, kink, dtype, random=False)
    exact, G = one_sided(layers, x, side, 2.0**-60)
    other, _ = one_sided(layers, x, -side, 2.0**-60)
    assert abs(exact - other).max() > 0.001
    for order in orders(2):
        J = build(layers, simd, order).jacobian(x)
        assert largest(abs(J - exact), unit_roundoff(dtype) * (ROUNDINGS * G + 4 * abs(exact))) <= 1


@needs_extended
@both_dtypes
@every_build
@pytest.mark.parametrize(("name", "kink"), [(name, kink) for name, kink, _ in KINK_CASES
                                        if name in PIECEWISE_LINEAR])
def test_g1_near_kink_is_one_sided(name, kink, dtype, simd):
    """Within a rounding error of a kink, J is one of the two one-sided Jacobians, never a mixture."""
    layers, x = at_kink(name, kink, dtype, random=True)
    sides = [one_sided(layers, x, side, 64 * unit_roundoff(dtype)) for side in (-1, 1)]
    for order in orders(2):
        J = build(layers, simd, order).jacobian(x)
        assert min(largest(abs(J - exact), ROUNDINGS * unit_roundoff(dtype) * G) for exact, G in sides) <= 1


@both_dtypes
@every_build
def test_abs_at_zero(dtype, simd):
    """abs is the one whose derivative at the kink, 0, is on neither side but between them."""
    one = np.ones((1, 1), dtype)
    assert build([Plain(one, 0 * one[0], "abs")], simd).jacobian(0 * one[0]) == 0
