"""Textbook definitions of the activations in mpmath, and the points at which they are compared.

Nothing here is written for accuracy: the precision is raised until the textbook formula has lost
all that it can lose. Derivatives of smooth functions are central differences of the definition at
that precision; where a function is made of pieces, the derivative of each piece is stated.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import mpmath as mp
import numpy as np
from mpmath import mpf


@dataclass(frozen=True)
class Oracle:
    """f(h, *parameters) and, unless it is smooth, f'.

    `magnitude` and `slope_magnitude` sum the magnitudes of the terms of f and f', where these have a
    root that the rounding of the input, or of a constant of the definition, moves.
    """

    f: Callable
    slope: Callable | None = None
    parameters: tuple = ()
    branches: tuple = (0.0,)
    magnitude: Callable | None = None
    slope_magnitude: Callable | None = None


def exp(x):
    """exp(x), cut where it is far below or above every double: mpmath needs seconds at 1e308."""
    return mp.exp(x) if abs(x) < 1e5 else mpf(0) if x < 0 else mp.inf


def sigma(x):
    return 1 / (1 + exp(-x))


def clip(x, low, high):
    return min(max(x, low), high)


def phi(x):
    return exp(-x * x / 2) / mp.sqrt(2 * mp.pi)


def Phi(x):
    if abs(x) > 1e6:  # more than mpmath's erfc takes
        return mpf(int(x > 0))
    return mp.erfc(-x / mp.sqrt(2)) / 2


def gelu_tanh(x):
    return x / 2 * (1 + mp.tanh(mp.sqrt(2 / mp.pi) * (x + mpf("0.044715") * x**3)))


def gelu_tanh_slope_magnitude(x):
    v = mp.sqrt(8 / mp.pi) * (x + mpf("0.044715") * x**3)
    slope = mp.sqrt(8 / mp.pi) * (1 + 3 * mpf("0.044715") * x**2)
    return sigma(v) * (1 + abs(x) * slope * sigma(-v))


def mish_slope_magnitude(x):
    T = mp.tanh(mp.log(1 + exp(x)))
    return T + abs(x) * (1 - T * T) * sigma(x)


def speculator_magnitude(x, alpha, beta):
    return (abs(beta) * sigma(-alpha * x) + sigma(alpha * x)) * abs(x)


def speculator_slope_magnitude(x, alpha, beta):
    s, r = sigma(alpha * x), sigma(-alpha * x)
    return abs(beta) * r + s + abs((1 - beta) * alpha * x) * s * r



@cache
def oracles():
    """The definitions, built with enough digits for their constants."""
    with mp.workdps(40):
        selu_lambda = mpf("1.0507009873554804934193349852946")
        selu_alpha = mpf("1.6732632423543772848170429916717")
    return {
        "identity": Oracle(lambda x: x, lambda x: 1),
        "relu": Oracle(lambda x: max(x, 0), lambda x: int(x > 0)),
        "relu6": Oracle(lambda x: clip(x, 0, 6), lambda x: int(0 < x < 6), branches=(0.0, 6.0)),
        "leaky_relu": Oracle(
            lambda x, slope: x if x > 0 else slope * x,
            lambda x, slope: 1 if x > 0 else slope, (0.01,)),
        "prelu": Oracle(
            lambda x, slope: x if x > 0 else slope * x,
            lambda x, slope: 1 if x > 0 else slope, (0.3,)),
        "thresholded_relu": Oracle(
            lambda x, theta: x if x > theta else 0, lambda x, theta: int(x > theta), (1.0,), (0.0, 1.0)),
        "elu": Oracle(
            lambda x, alpha: x if x > 0 else alpha * (exp(x) - 1),
            lambda x, alpha: 1 if x > 0 else alpha * exp(x), (1.0,)),
        "selu": Oracle(
            lambda x: selu_lambda * (x if x > 0 else selu_alpha * (exp(x) - 1)),
            lambda x: selu_lambda * (1 if x > 0 else selu_alpha * exp(x))),
        "celu": Oracle(
            lambda x, alpha: x if x > 0 else alpha * (exp(x / alpha) - 1),
            lambda x, alpha: 1 if x > 0 else exp(x / alpha), (1.0,)),
        "hard_tanh": Oracle(
            lambda x, low, high: clip(x, low, high), lambda x, low, high: int(low < x < high),
            (-1.0, 1.0), (0.0, -1.0, 1.0)),
        "hard_sigmoid": Oracle(
            lambda x, slope, offset: clip(slope * x + offset, 0, 1),
            lambda x, slope, offset: slope if abs(x) < 3 else 0, (1 / 6, 0.5), (0.0, -3.0, 3.0),
            magnitude=lambda x, slope, offset: slope * abs(x) + offset if abs(x) < 3 else 1),
        "hard_swish": Oracle(
            lambda x: x * clip(x + 3, 0, 6) / 6,
            lambda x: 0 if x <= -3 else 1 if x >= 3 else x / 3 + mpf(1) / 2, branches=(0.0, -3.0, 3.0, -1.5)),
        "tanh": Oracle(mp.tanh),
        "sigmoid": Oracle(sigma),
        "log_sigmoid": Oracle(lambda x: -mp.log(1 + mp.exp(-x))),
        "softplus": Oracle(lambda x, beta: mp.log(1 + mp.exp(beta * x)) / beta, None, (1.0,)),
        "softsign": Oracle(lambda x: x / (1 + abs(x)), lambda x: 1 / (1 + abs(x)) ** 2),
        "silu": Oracle(
            lambda x: x * sigma(x), branches=(0.0, -1.278464542761074),
            slope_magnitude=lambda x: sigma(x) * (1 + abs(x) * sigma(-x))),
        "mish": Oracle(
            lambda x: x * mp.tanh(mp.log(1 + exp(x))), branches=(0.0, -1.1924337),
            slope_magnitude=mish_slope_magnitude),
        "gelu": Oracle(
            lambda x: x * Phi(x), branches=(0.0, -0.7517915),
            slope_magnitude=lambda x: Phi(x) + abs(x) * phi(x)),
        "gelu_tanh": Oracle(
            gelu_tanh, branches=(0.0, -0.75246), slope_magnitude=gelu_tanh_slope_magnitude),
        "tanh_shrink": Oracle(lambda x: x - mp.tanh(x), lambda x: mp.tanh(x) ** 2, branches=(0.0, -1.5, 1.5)),
        "soft_shrink": Oracle(
            lambda x, t: x - t if x > t else x + t if x < -t else 0,
            lambda x, t: int(abs(x) > t), (0.5,), (0.0, -0.5, 0.5)),
        "hard_shrink": Oracle(
            lambda x, t: x if abs(x) > t else 0, lambda x, t: int(abs(x) > t), (0.5,), (0.0, -0.5, 0.5)),
        "exp": Oracle(exp, exp),
        "sin": Oracle(mp.sin),
        "cos": Oracle(mp.cos),
        "arctan": Oracle(mp.atan, lambda x: 1 / (1 + x * x), branches=(0.0, 2.0**27, -(2.0**27))),
        "erf": Oracle(mp.erf, lambda x: 2 / mp.sqrt(mp.pi) * exp(-x * x)),
        "gaussian": Oracle(lambda x: exp(-x * x)),
        "square": Oracle(lambda x: x * x),
        "abs": Oracle(abs, mp.sign),
        "speculator": Oracle(
            lambda x, alpha, beta: (beta + sigma(alpha * x) * (1 - beta)) * x, None, (1.3, 0.2),
            magnitude=speculator_magnitude, slope_magnitude=speculator_slope_magnitude),
    }


def points(name, dtype):
    """Both signs of magnitudes over the whole range, dense where f bends, and branch neighbours."""
    limits = np.finfo(dtype)
    rng = np.random.default_rng(20240601)
    tail = 750.0 if dtype == np.float64 else 110.0
    smallest, largest = np.log10(float(limits.smallest_subnormal)), np.log10(float(limits.max))
    x = [rng.uniform(-9, 9, 90), rng.uniform(-41, 41, 20), rng.uniform(-tail, 0, 40),
         rng.uniform(0, tail, 10), 10.0 ** np.linspace(smallest + 1, largest - 1e-3, 50)]
    x.append(-x[-1])
    x.append(np.array([limits.smallest_subnormal, limits.tiny, limits.max, 0.0]))
    x.append(-x[-1])
    x = np.concatenate(x).astype(dtype)
    near = [x, np.array([-19.1, 20, -20, 350, -350, 710, -710, 37.5, -37.5, -38.5, 1e-8, -1e-8], dtype)]
    for branch in oracles()[name].branches:
        branch = dtype(branch)
        up = np.nextafter(branch, dtype(np.inf))
        down = np.nextafter(branch, dtype(-np.inf))
        near.append(np.array([down, branch, up]))
        near.append(np.nextafter(near[-1], np.array([-np.inf, -np.inf, np.inf], dtype)))
        near.append((float(branch) + (abs(float(branch)) + 1e-3) * rng.uniform(-1e-3, 1e-3, 6)).astype(dtype))
    return np.unique(np.concatenate(near))


def precision(x, gain=1.0):
    """Bits in which every definition above, and its central difference, keeps more than 80 right ones.

    tanh'(x) = 1 - tanh(x)**2 loses 2.9 |x| bits and log(1 + exp(x)) 1.5 |x|, until they underflow near
    372 and 745; 1 + tanh(v) of gelu_tanh loses 2 x**2 before it underflows near 22; near 0,
    x - tanh(x) and f(x + step) - f(x - step) lose twice the exponent of x, and far from it x + step
    loses it once. `gain` is the largest factor that a parameter can put before x.
    """
    if x == 0:
        return 400
    size, exponent = abs(float(x)), mp.mag(x)
    lost = (2 * size * size if size < 25 else 0) + (min(3 * size * gain, 1200) if size < 2500 else 0)
    return 400 + int(lost) + max(exponent, -2 * exponent)


def exact(oracle, x, parameters):
    """f, f' and the magnitudes of their terms at one point, as mpf."""
    x = mpf(float(x))
    gain = max([1.0, *(max(abs(p), 1 / abs(p)) for p in parameters if p != 0)])
    with mp.workprec(precision(x, gain)):
        parameters = [mpf(float(p)) for p in parameters]
        value = mpf(oracle.f(x, *parameters))
        if oracle.slope is not None:
            slope = mpf(oracle.slope(x, *parameters))
        else:
            step = mp.ldexp(1, (min(mp.mag(x), 0) if x else 0) - 120)
            slope = (oracle.f(x + step, *parameters) - oracle.f(x - step, *parameters)) / (2 * step)
        magnitude = abs(value) if oracle.magnitude is None else oracle.magnitude(x, *parameters)
        slope_magnitude = (
            abs(slope) if oracle.slope_magnitude is None else oracle.slope_magnitude(x, *parameters))
        return value, slope, magnitude, slope_magnitude


def rounded(value, magnitude, dtype):
    """`value` as the nearest float64 and the rest in ulp, and the ulp, which belongs to `magnitude`."""
    limits = np.finfo(dtype)
    if abs(value) >= mp.ldexp(1, limits.maxexp) * (1 - mp.ldexp(1, -limits.nmant - 2)):
        return float(mp.sign(value)) * np.inf, 0.0, 1.0
    exponent = max(mp.mag(magnitude) - 1 if magnitude else -9999, limits.minexp) - limits.nmant
    ulp = mp.ldexp(1, int(exponent))
    nearest = float(value)
    return nearest, float((value - mpf(nearest)) / ulp), float(ulp)


@cache
def reference(name, dtype, parameters=None):
    """Points x and, for f and f', the arrays (nearest, rest, ulp)."""
    oracle = oracles()[name]
    if parameters is None:
        parameters = oracle.parameters
    parameters = tuple(float(dtype(p)) for p in parameters)
    x = points(name, dtype)
    f, slope = [], []
    for h in x:
        value, derivative, magnitude, slope_magnitude = exact(oracle, h, parameters)
        f.append(rounded(value, magnitude, dtype))
        slope.append(rounded(derivative, slope_magnitude, dtype))
    return x, np.array(f).T, np.array(slope).T


def errors(got, expected):
    """Error of each element in ulp; inf where only one of the two is NaN or infinite."""
    nearest, rest, ulp = expected
    got = got.astype(np.float64)
    same_infinity = np.isinf(nearest) & (got == nearest)
    with np.errstate(invalid="ignore", over="ignore"):
        error = np.abs((got - nearest) / ulp - rest)
    error[~np.isfinite(error)] = np.inf
    error[same_infinity] = 0
    return error


def rowwise_reference(name, h, epsilon=0.0):
    """softmax, log_softmax, rms_norm or layer_norm of a row in the textbook form, as a list of mpf."""
    logarithmic = name == "log_softmax"
    with mp.workdps(800):
        h = [mpf(float(x)) for x in h]
        if name in ("rms_norm", "layer_norm"):
            mean = mp.fsum(h) / len(h) if name == "layer_norm" else 0
            h = [x - mean for x in h]
            root = mp.sqrt(mp.fsum(x * x for x in h) / len(h) + mpf(float(epsilon)))
            return [x / root for x in h]
        terms = [mp.exp(x) for x in h]
        total = mp.fsum(terms)
        return [mp.log(t / total) if logarithmic else t / total for t in terms]
