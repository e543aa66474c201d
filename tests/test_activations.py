"""The kernels of the activations, in every SIMD build: accuracy, kinks, NaN, infinities, lanes."""

import ctypes
import platform
import sys

import numpy as np
import pytest
from oracles_activations import errors, oracles, rounded, rowwise_reference
from ulp_table import activate, largest_errors

from fastjac.activations import ACTIVATIONS
from fastjac.kernels import dispatch

BUILDS = dispatch.available()
DTYPES = [np.float64, np.float32]
DIAGONAL = [name for name, activation in ACTIVATIONS.items() if activation.kind == "diagonal"]
ROWWISE = [name for name, activation in ACTIVATIONS.items() if activation.kind != "diagonal"]
every_build = pytest.mark.parametrize("build", BUILDS)
every_dtype = pytest.mark.parametrize("dtype", DTYPES)
INF = np.inf
NAN = np.nan

# Made of straight lines: f' is exact, f rounded once or twice.
PIECEWISE_LINEAR = ("identity", "relu", "relu6", "leaky_relu", "prelu", "thresholded_relu", "hard_tanh",
                    "hard_sigmoid", "soft_shrink", "hard_shrink", "abs")


def parameters_of(name):
    if name in ("rms_norm", "layer_norm"):
        return (0.3,)
    return oracles()[name].parameters if name in oracles() else ()


def bits(array):
    return array.view(np.uint64 if array.dtype == np.float64 else np.uint32)


def same(left, right):
    """Bitwise equality, any NaN being equal to any other."""
    return np.array_equal(np.isnan(left), np.isnan(right)) and np.array_equal(
        bits(left)[~np.isnan(left)], bits(right)[~np.isnan(right)])


def test_oracles_cover_the_table():
    assert list(oracles()) == DIAGONAL
    for build in BUILDS:
        assert dispatch.load(build).activations == tuple(ACTIVATIONS)


@every_build
@every_dtype
@pytest.mark.parametrize("name", DIAGONAL)
def test_errors_against_textbook(name, dtype, build):
    (value, at), (slope, slope_at) = largest_errors(build, name, dtype)
    value_goal, slope_goal = (1, 0) if name in PIECEWISE_LINEAR else (2, 4)
    assert value <= value_goal, f"f({at!r})"
    assert slope <= slope_goal, f"f'({slope_at!r})"


@every_build
@every_dtype
@pytest.mark.parametrize("name, parameters", [
    ("leaky_relu", (0.0,)), ("prelu", (-1.5,)), ("thresholded_relu", (-2.0,)), ("elu", (0.7,)),
    ("elu", (25.0,)), ("celu", (0.3,)), ("celu", (2.5,)), ("hard_tanh", (-0.25, 3.0)),
    ("softplus", (20.0,)), ("softplus", (0.3,)),
    ("soft_shrink", (0.0,)), ("hard_shrink", (2.0,)), ("speculator", (-2.3, 0.0)), ("speculator", (0.7, 1.6)),
    ("speculator", (1.0, -0.5)), ("speculator", (0.0, 0.5)),
])
def test_errors_with_other_parameters(name, parameters, dtype, build):
    (value, at), (slope, slope_at) = largest_errors(build, name, dtype, parameters)
    assert value <= 2, f"f({at!r})"
    assert slope <= 4, f"f'({slope_at!r})"


@every_build
@every_dtype
def test_hard_sigmoid_of_keras(dtype, build):
    h = np.array([-2.6, -2.5, -1, 0, 1, 2.5, 2.6], dtype)
    a, d = activate(build, "hard_sigmoid", h, (0.2, 0.5))
    slope = dtype(0.2)
    assert np.allclose(a, [0, 0, 0.3, 0.5, 0.7, 1, 1], rtol=4 * np.finfo(dtype).eps, atol=0)
    assert np.array_equal(d, [0, 0, slope, slope, slope, 0, 0])


LAMBDA_ALPHA = 1.7580993408473768599402175208123


@every_build
@every_dtype
@pytest.mark.parametrize("name, parameters, kinks, slopes", [
    ("relu", (), [0.0, -0.0], [0, 0]),
    ("relu6", (), [0.0, -0.0, 6], [0, 0, 0]),
    ("leaky_relu", (0.25,), [0.0, -0.0], [0.25, 0.25]),
    ("prelu", (0.25,), [0.0, -0.0], [0.25, 0.25]),
    ("thresholded_relu", (1.5,), [1.5, 0], [0, 0]),
    ("elu", (0.75,), [0.0, -0.0], [0.75, 0.75]),
    ("selu", (), [0.0, -0.0], [LAMBDA_ALPHA, LAMBDA_ALPHA]),
    ("celu", (0.75,), [0.0, -0.0], [1, 1]),
    ("hard_tanh", (-2, 0.5), [-2, 0.5], [0, 0]),
    ("hard_sigmoid", (1 / 6, 0.5), [-3, 3], [0, 0]),
    ("hard_swish", (), [-3, 3], [0, 1]),
    ("soft_shrink", (0.5,), [-0.5, 0.5], [0, 0]),
    ("hard_shrink", (0.5,), [-0.5, 0.5], [0, 0]),
    ("abs", (), [0.0, -0.0], [0, 0]),
])
def test_slope_at_kinks(name, parameters, kinks, slopes, dtype, build):
    _, d = activate(build, name, np.array(kinks, dtype), parameters)
    assert np.array_equal(d, np.array(slopes, dtype))


# f(-inf), f(inf), f'(-inf), f'(inf) where the limits exist, with the default or the oracles' parameters.
AT_INFINITY = {
    "identity": (-INF, INF, 1, 1), "relu": (0, INF, 0, 1), "relu6": (0, 6, 0, 0),
    "leaky_relu": (-INF, INF, 0.01, 1), "prelu": (-INF, INF, 0.3, 1), "thresholded_relu": (0, INF, 0, 1),
    "elu": (-1, INF, 0, 1), "selu": (-LAMBDA_ALPHA, INF, 0, 1.0507009873554805), "celu": (-1, INF, 0, 1),
    "hard_tanh": (-1, 1, 0, 0), "hard_sigmoid": (0, 1, 0, 0), "hard_swish": (0, INF, 0, 1),
    "tanh": (-1, 1, 0, 0), "sigmoid": (0, 1, 0, 0), "log_sigmoid": (-INF, 0, 1, 0),
    "softplus": (0, INF, 0, 1), "softsign": (-1, 1, 0, 0), "silu": (0, INF, 0, 1), "mish": (0, INF, 0, 1),
    "gelu": (0, INF, 0, 1), "gelu_tanh": (0, INF, 0, 1), "tanh_shrink": (-INF, INF, 1, 1),
    "soft_shrink": (-INF, INF, 1, 1), "hard_shrink": (-INF, INF, 1, 1), "exp": (0, INF, 0, INF),
    "sin": (NAN, NAN, NAN, NAN), "cos": (NAN, NAN, NAN, NAN),
    "arctan": (-np.pi / 2, np.pi / 2, 0, 0), "erf": (-1, 1, 0, 0), "gaussian": (0, 0, 0, 0),
    "square": (INF, INF, -INF, INF), "abs": (INF, INF, -1, 1), "speculator": (-INF, INF, 0.2, 1),
}


@every_build
@every_dtype
@pytest.mark.parametrize("name", DIAGONAL)
def test_limits_at_infinity_case_33(name, dtype, build):
    a, d = activate(build, name, np.array([-INF, INF], dtype), parameters_of(name))
    assert np.array_equal(np.concatenate([a, d]), np.array(AT_INFINITY[name], dtype), equal_nan=True)


@every_build
@every_dtype
@pytest.mark.parametrize("name, parameters, expected", [
    ("leaky_relu", (0.0,), (0, INF, 0, 1)),
    ("hard_sigmoid", (0.0, 0.25), (0.25, 0.25, 0, 0)),
    ("speculator", (1.0, 0.0), (0, INF, 0, 1)),
    ("speculator", (-1.0, 0.0), (-INF, 0, 1, 0)),
    ("speculator", (0.0, 0.5), (-INF, INF, 0.75, 0.75)),
])
def test_limits_at_infinity_with_zero_parameters_case_33(name, parameters, expected, dtype, build):
    a, d = activate(build, name, np.array([-INF, INF], dtype), parameters)
    assert np.array_equal(np.concatenate([a, d]), np.array(expected, dtype))


@every_build
@every_dtype
@pytest.mark.parametrize("name", [n for n in DIAGONAL if n not in ("exp", "square")])
def test_huge_arguments_stay_finite_case_36(name, dtype, build):
    largest = 1e308 if dtype == np.float64 else 3e38
    h = np.array([710, -710, largest, -largest], dtype)
    a, d = activate(build, name, h, parameters_of(name))
    assert np.all(np.isfinite(a)) and np.all(np.isfinite(d))


@every_build
def test_tanh_slope_does_not_vanish_case_37(build):
    _, d = activate(build, "tanh", np.array([20.0, -20.0, 350.0]))
    assert np.allclose(d, [4 * np.exp(-40.0), 4 * np.exp(-40.0), 4 * np.exp(-700.0)], rtol=1e-13, atol=0)


@every_build
@every_dtype
@pytest.mark.parametrize("name", DIAGONAL)
def test_nan_at_every_position_case_32(name, dtype, build):
    parameters = parameters_of(name)
    for n in range(1, 34):
        h = np.linspace(-4, 4, n).astype(dtype)
        a, d = activate(build, name, h, parameters)
        for k in range(n):
            damaged = h.copy()
            damaged[k] = NAN
            a_nan, d_nan = activate(build, name, damaged, parameters)
            expected_a, expected_d = a.copy(), d.copy()
            expected_a[k] = expected_d[k] = NAN
            assert same(a_nan, expected_a) and same(d_nan, expected_d), f"n = {n}, position {k}"


@every_build
@every_dtype
@pytest.mark.parametrize("name", ROWWISE)
def test_nan_spoils_the_row_case_32(name, dtype, build):
    for n in range(1, 34):
        for k in range(n):
            h = np.linspace(-4, 4, n).astype(dtype)
            h[k] = NAN
            a, d = activate(build, name, h, parameters_of(name))
            assert np.all(np.isnan(a)), f"n = {n}, position {k}"
            assert np.isnan(d[k]) if name == "rms_norm" else np.all(np.isnan(d)), f"n = {n}, position {k}"


@every_build
@every_dtype
@pytest.mark.parametrize("name", DIAGONAL)
def test_lanes_agree_with_single_elements_bitwise(name, dtype, build):
    """Gate G6: what an element becomes does not depend on where in the vector or the tail it stands."""
    rng = np.random.default_rng(7)
    special = [0.0, -0.0, INF, -INF, 1e-30, -1e30, 40, -40, NAN]
    h = np.concatenate([rng.normal(0, 3, 24), special]).astype(dtype)
    parameters = parameters_of(name)
    alone = [activate(build, name, h[i:i + 1], parameters) for i in range(h.size)]
    a_alone = np.concatenate([a for a, _ in alone])
    d_alone = np.concatenate([d for _, d in alone])
    for n in range(1, h.size + 1):
        for start in (0, h.size - n):
            part = slice(start, start + n)
            a, d = activate(build, name, h[part], parameters)
            assert same(a, a_alone[part]) and same(d, d_alone[part]), f"n = {n}, start {start}"


@every_build
@every_dtype
@pytest.mark.parametrize("name", list(ACTIVATIONS))
def test_in_place_equals_out_of_place(name, dtype, build):
    h = np.random.default_rng(3).normal(0, 3, 37).astype(dtype)
    a, d = activate(build, name, h, parameters_of(name))
    a_in_place, d_in_place = activate(build, name, h, parameters_of(name), in_place=True)
    assert same(a, a_in_place) and same(d, d_in_place)


@every_build
@every_dtype
@pytest.mark.parametrize("name", [n for n in DIAGONAL if ACTIVATIONS[n].parameters])
def test_each_unit_has_its_own_parameters(name, dtype, build):
    rng = np.random.default_rng(5)
    n = 29
    h = rng.normal(0, 2, n).astype(dtype)
    parameters = [p + rng.uniform(0.1, 0.4, n).astype(dtype) for p in np.array(parameters_of(name), dtype)]
    a, d = activate(build, name, h, parameters)
    for i in range(n):
        a_i, d_i = activate(build, name, h[i:i + 1], [p[i] for p in parameters])
        assert same(a[i:i + 1], a_i) and same(d[i:i + 1], d_i), f"unit {i}"


@every_build
@every_dtype
@pytest.mark.parametrize("name", ROWWISE)
@pytest.mark.parametrize("spread, n", [(1, 1), (1, 2), (3, 10), (30, 33), (300, 17), (1, 1000)])
def test_rowwise_errors_against_textbook(name, spread, n, dtype, build):
    h = np.random.default_rng(n).uniform(-spread, spread, n).astype(dtype)
    a, d = activate(build, name, h, parameters_of(name))
    exact = rowwise_reference(name, h, *(dtype(p) for p in parameters_of(name)))
    # What the mean is taken off may be much larger than what is left.
    sizes = [abs(v) for v in exact] if name != "layer_norm" else [max(map(abs, exact)) + abs(v) for v in exact]
    assert errors(a, np.array([rounded(v, size, dtype) for v, size in zip(exact, sizes)]).T).max() <= 2
    if name == "rms_norm":
        assert same(d, h)
    elif name == "layer_norm":
        assert np.abs(d - (h - h.astype(np.longdouble).mean())).max() <= np.finfo(dtype).eps * np.abs(h).max()
    else:
        exact = rowwise_reference("softmax", h)
        assert errors(d, np.array([rounded(v, abs(v), dtype) for v in exact]).T).max() <= 2


@every_build
@every_dtype
def test_rms_norm_of_all_magnitudes(dtype, build):
    """No square overflows, or loses digits by underflow."""
    limits = np.finfo(dtype)
    h = np.random.default_rng(0).uniform(1, 2, 40).astype(dtype)
    for scale in (limits.max / 2, limits.tiny, 1):
        for epsilon in (0, 1e-5):
            scaled = (h * dtype(scale)).astype(dtype)
            a, _ = activate(build, "rms_norm", scaled, [epsilon])
            exact = rowwise_reference("rms_norm", scaled, dtype(epsilon))
            assert errors(a, np.array([rounded(v, abs(v), dtype) for v in exact]).T).max() <= 2


@every_build
@every_dtype
def test_rowwise_of_infinities(dtype, build):
    one = np.array([1, INF, -INF, 0], dtype)
    a, d = activate(build, "softmax", one)
    assert np.array_equal(a, [0, 1, 0, 0]) and np.array_equal(d, [0, 1, 0, 0])
    a, d = activate(build, "log_softmax", one)
    assert np.array_equal(a, [-INF, 0, -INF, -INF]) and np.array_equal(d, [0, 1, 0, 0])
    for h in ([INF, INF, 0], [-INF, -INF]):  # no limit exists
        for name in ("softmax", "log_softmax"):
            a, d = activate(build, name, np.array(h, dtype))
            assert np.all(np.isnan(a)) and np.all(np.isnan(d))
    for name in ("rms_norm", "layer_norm"):
        a, _ = activate(build, name, one, [0.5])
        assert np.all(np.isnan(a))


@pytest.mark.skipif(
    platform.machine() != "x86_64" or sys.platform != "linux", reason="the flags' values are x86 Linux's")
@every_build
@every_dtype
@pytest.mark.parametrize("name", DIAGONAL)
def test_no_floating_point_exception_case_40(name, dtype, build):
    invalid, division, overflow = 1, 4, 8
    libm = ctypes.CDLL("libm.so.6")
    largest = 1e308 if dtype == np.float64 else 3e38
    h = np.array([0, -0.0, 1e-30, 1, -1, 3, -3, 20, -20, 350, -350, 710, -710, largest, -largest] * 3, dtype)
    if name in ("exp", "square"):  # these do overflow
        h = h[np.abs(h) < 80]
    kernels = dispatch.load(build)
    rows = np.repeat(np.array([*parameters_of(name), 0.0], dtype), h.size).reshape(-1, h.size)
    a, d = np.empty_like(h), np.empty_like(h)
    code = kernels.activations.index(name)
    libm.feclearexcept(invalid | division | overflow)
    kernels.activate(code, h, rows, a, d)
    assert libm.fetestexcept(invalid | division | overflow) == 0
    assert np.all(np.isfinite(d))
