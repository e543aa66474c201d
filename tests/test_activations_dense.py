"""Activations at many random points, against NumPy and SciPy in the next wider type.

`test_activations.py` has few points, and mpmath; here is what lies between them.
"""

from functools import cache

import numpy as np
import pytest
from scipy import special
from ulp_table import activate

N_POINTS = 400_000
PARAMETERS = {"elu": (1.0,), "celu": (1.0,), "softplus": (1.0,), "speculator": (1.3, 0.2)}
# A long double with 64 bits, and functions of it that use them.
EXTENDED = np.finfo(np.longdouble).nmant == 63


def sigma(x):
    return 1 / (1 + np.exp(-x))


def softplus(x):
    return np.logaddexp(0, x)


def sech2(x):
    return np.cosh(x) ** -2


def gauss(x):
    return np.exp(-x * x)


def elu(x):
    return np.where(x > 0, x, np.expm1(np.minimum(x, 0))), np.exp(np.minimum(x, 0))


def mish(x):
    T, rest = np.tanh(softplus(x)), x * sech2(softplus(x)) * sigma(x)
    return x * T, T + rest, None, T + abs(rest)


def silu(x):
    return x * sigma(x), sigma(x) * (1 + x * sigma(-x)), None, sigma(x) * (1 + abs(x) * sigma(-x))


def gelu(x):
    P, rest = special.ndtr(x), x * np.exp(-x * x / 2) / np.sqrt(2 * np.pi)
    return x * P, P + rest, None, P + abs(rest)


def gelu_tanh(x):
    root, cube = np.sqrt(2 / np.arccos(-np.ones_like(x))), x.dtype.type(44715) / 1_000_000
    v, slope = 2 * root * (x + cube * x**3), 2 * root * (1 + 3 * cube * x**2)
    rest = x * slope * sigma(-v)
    return x * sigma(v), sigma(v) * (1 + rest), None, sigma(v) * (1 + abs(rest))


def speculator(x):
    # The parameters as the narrower type has them.
    narrow = np.float32 if x.dtype == np.float64 else np.float64
    alpha, beta = (x.dtype.type(narrow(p)) for p in PARAMETERS["speculator"])
    s, r = sigma(alpha * x), sigma(-alpha * x)
    rest = (1 - beta) * alpha * x * s * r
    return (beta * r + s) * x, beta * r + s + rest, None, beta * r + s + abs(rest)


# f, f' and, where f' has a root among terms of both signs, the sum of their magnitudes.
TEXTBOOK = {
    "exp": lambda x: (np.exp(x), np.exp(x)),
    "tanh": lambda x: (np.tanh(x), sech2(x)),
    "sigmoid": lambda x: (sigma(x), sigma(x) * sigma(-x)),
    "log_sigmoid": lambda x: (-softplus(-x), sigma(-x)),
    "softplus": lambda x: (softplus(x), sigma(x)),
    "softsign": lambda x: (x / (1 + abs(x)), (1 + abs(x)) ** -2),
    "arctan": lambda x: (np.arctan(x), 1 / (1 + x * x)),
    "gaussian": lambda x: (gauss(x), -2 * x * gauss(x)),
    "sin": lambda x: (np.sin(x), np.cos(x)),
    "cos": lambda x: (np.cos(x), -np.sin(x)),
    "elu": elu,
    "celu": elu,
    "silu": silu,
    "mish": mish,
    "gelu": gelu,
    "gelu_tanh": gelu_tanh,
    "speculator": speculator,
}


def points(dtype):
    """Of both signs: over the range where f bends, over all magnitudes, and, for float32, over all patterns of bits."""
    rng, limits = np.random.default_rng(1), np.finfo(dtype)
    n = N_POINTS // 8
    tail, smallest = (750, -310) if dtype == np.float64 else (105, -40)
    x = [rng.uniform(-bound, bound, n) for bound in (1, 1, 5, 5, 40, tail)]
    x += [10 ** rng.uniform(low, high, n) * rng.choice([-1, 1], n)
          for low, high in ((-10, 1), (smallest, np.log10(limits.max)))]
    x = np.concatenate(x).astype(dtype)
    if dtype == np.float32:
        x = np.append(x, rng.integers(0, 2**32, n, np.uint32).view(np.float32))
    return x[np.isfinite(x)]


@cache
def expected(name, dtype):
    """Points and, for f and f', the arrays (exact, ulp)."""
    x = points(dtype)
    wide = x.astype(np.longdouble if dtype == np.float64 else np.float64)
    limits = np.finfo(dtype)
    with np.errstate(all="ignore"):
        value, slope, _, magnitude = (*TEXTBOOK[name](wide), None, None)[:4]
        results = []
        for exact, terms in ((value, value), (slope, slope if magnitude is None else magnitude)):
            exponent = np.maximum(np.frexp(terms)[1] - 1, limits.minexp)
            results.append((exact, np.ldexp(wide.dtype.type(1), exponent - limits.nmant)))
    return x, *results


def largest_error(got, exact, ulp):
    """In ulp; inf where one of the two alone is not a finite number."""
    largest = np.finfo(got.dtype).max
    with np.errstate(all="ignore"):
        error = np.where(abs(exact) > largest, np.where(abs(got) >= largest, 0, np.inf), abs(got - exact) / ulp)
    return float(np.where(np.isnan(error), np.inf, error).max())


@pytest.mark.parametrize("name", TEXTBOOK)
def test_errors_between_the_points_of_mpmath(simd, dtype, name):
    if dtype == np.float64 and not EXTENDED:
        pytest.skip("long double is no wider than double here, or computed by software")
    if dtype == np.float64 and name == "gelu":
        pytest.skip("SciPy has no ndtr in long double")
    x, f, slope = expected(name, dtype.type)
    a, d = activate(simd, name, x, PARAMETERS.get(name, ()))
    value_error, slope_error = largest_error(a, *f), largest_error(d, *slope)
    print(f"{name}: f {value_error:.2f} ulp, f' {slope_error:.2f} ulp")
    assert value_error <= 2
    assert slope_error <= 4
