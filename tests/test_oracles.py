"""The oracles against each other: they share definitions of f, but neither arithmetic nor route."""

import mpmath
import numpy as np
import pytest
from networks import SUBJECTS, random_layers
from oracles import (
    HAS_EXTENDED,
    Plain,
    normwise,
    numpy_reference,
    reference,
    reference_digits,
    running_bound,
)
from textbook import EXTENDED, Step

pytestmark = pytest.mark.skipif(not HAS_EXTENDED, reason="long double is not 80 bits wide here")


def to_extended(values):
    return np.vectorize(lambda value: EXTENDED(mpmath.nstr(value, 25)), otypes=[EXTENDED])(values)


@pytest.mark.parametrize("name", SUBJECTS)
def test_long_double_agrees_with_digits(name):
    layers, x = random_layers(name, (3, 5, 4, 3), np.float64, gain=1.5, n_points=2)
    y, J = reference(layers, x)
    for i, point in enumerate(x):
        exact_y, exact_J = map(to_extended, reference_digits(layers, point))
        np.testing.assert_allclose(y[i], exact_y, rtol=0, atol=1e-16 * (1 + abs(exact_y).max()))
        assert normwise(J[i], exact_J) < 1e-17


@pytest.mark.parametrize("x", [-12, -6.5, -2.1, -1.9, -0.3, -1e-9, 0, 1e-9, 0.4, 1.99, 2.01, 3.5, 8])
def test_error_function_agrees_with_digits(x):
    z = np.array([x], EXTENDED) + 0j
    with mpmath.workdps(40):
        exact = to_extended([mpmath.erf(x), mpmath.erfc(x)])
    with np.errstate(under="ignore"):
        computed = [Step.erf(z).real[0], Step.erfc(z).real[0]]
    np.testing.assert_allclose(computed, exact, rtol=1e-16)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", SUBJECTS)
def test_bound_holds_and_bites(name, dtype):
    layers, x = random_layers(name, (4, 9, 6), dtype, gain=1, n_points=4)
    y, J = reference(layers, x)
    e, B, _ = running_bound(layers, x, dtype)
    results = [numpy_reference(layers, point, dtype) for point in x]
    assert (abs(np.stack([r[0] for r in results]) - y) <= e).all()
    assert (abs(np.stack([r[1] for r in results]) - J) <= B).all()
    spoilt = J * (1 + 5e4 * EXTENDED(np.finfo(dtype).eps))
    assert (abs(spoilt - J) > B).any()


def test_bound_of_a_sum_of_one_sign():
    """Adding n equal numbers is bounded by (n + 1) u of the sum, and half of f's two ULP is 2u."""
    n = 1000
    layers = [Plain(np.ones((n, 1)), np.zeros(1))]
    e, _, G = running_bound(layers, np.ones((1, n)), np.float64)
    assert 1001 <= e[0, 0] / (2.0**-53 * n) <= 1006
    assert (G == 1).all()
