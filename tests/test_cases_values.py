"""Cases 31 to 42: NaN, infinities, extreme numbers, the floating-point environment."""

import ctypes
import platform

import numpy as np
import pytest
from support import assert_same, make_mixed, make_network, parts, random_array, run_python

import fastjac as fj
from fastjac.kernels import dispatch

ELEMENTWISE = sorted(name for name, entry in fj.ACTIVATIONS.items() if entry.kind == "diagonal")


def required(name):
    """Parameters that have no default."""
    return {key: 0.25 for key, value in fj.ACTIVATIONS[name].parameters.items() if value is None}


def elementwise(name, dtype):
    """The network of one unit y = f(x), whose Jacobian is f'(x)."""
    return fj.Network([fj.Layer([[1.0]], None, name, **required(name))], dtype=dtype)


def derivatives(name, h, dtype):
    """f'(h) for each number of a list."""
    return elementwise(name, dtype).jacobian(np.array(h, dtype)[:, None]).ravel()


@pytest.mark.parametrize("kind", ["tanh", "relu", "softmax", "log_softmax"])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_case_31_a_bad_point_leaves_the_others_alone(operand, dtype, build, kind, bad):
    net = make_network((4, 9, 3, 8, 5), ["tanh", kind, "identity"], dtype)
    a = random_array((33, operand.width(net)), dtype)
    baseline = operand(net, a)
    for row in (0, 16, 32):
        spoilt = a.copy()
        spoilt[row, 1] = bad
        others = np.arange(33) != row
        result = operand(net, spoilt)
        assert_same(tuple(part[others] for part in parts(result)), tuple(part[others] for part in parts(baseline)))
        if np.isnan(bad):
            assert np.isnan(parts(result)[0][row]).any()


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_case_32_derivative_at_nan(dtype, simd, name):
    layer = fj.Layer(np.ones((1, 33)), None, name, **required(name))
    build = dispatch.load(simd)
    code = build.activations.index(name)
    rows = layer.parameter_rows.astype(dtype) if len(layer.parameter_rows) else np.zeros((1, 33), dtype)
    for n in range(1, 34):
        h = np.linspace(-2, 2, n).astype(dtype)
        p = np.ascontiguousarray(rows[:, :n])
        a, d = np.empty_like(h), np.empty_like(h)
        build.activate(code, h, p, a, d)
        assert np.isfinite(d).all()
        for i in range(n):
            spoilt, spoilt_a, spoilt_d = h.copy(), np.empty_like(h), np.empty_like(h)
            spoilt[i] = np.nan
            build.activate(code, spoilt, p, spoilt_a, spoilt_d)
            others = np.arange(n) != i
            assert np.isnan(spoilt_a[i])
            # The derivative of the identity is no function of h.
            assert np.isnan(spoilt_d[i]) or (name == "identity" and spoilt_d[i] == 1)
            assert spoilt_a[others].tobytes() == a[others].tobytes()
            assert spoilt_d[others].tobytes() == d[others].tobytes()


@pytest.mark.parametrize("name", [name for name in ELEMENTWISE if name != "identity"] + ["softmax", "log_softmax"])
def test_case_32_jacobian_at_nan(dtype, build, name):
    net = fj.Network([fj.Layer(np.ones((2, 5)), None, name, **required(name))], dtype=dtype)
    x = np.array([np.nan, 0.5], dtype)
    assert np.isnan(net.jacobian(x)).all()
    assert np.isnan(net.jvp(x, [1, 0])).all()
    assert np.isnan(net.vjp(x, np.ones(5))).all()


# Name -> f'(−inf), f'(+inf).
SATURATED = {
    "relu": (0, 1), "relu6": (0, 0), "leaky_relu": (0.01, 1), "thresholded_relu": (0, 1), "elu": (0, 1),
    "celu": (0, 1), "hard_tanh": (0, 0), "hard_sigmoid": (0, 0), "hard_swish": (0, 1), "tanh": (0, 0),
    "sigmoid": (0, 0), "log_sigmoid": (1, 0), "softplus": (0, 1), "softsign": (0, 0), "silu": (0, 1),
    "mish": (0, 1), "gelu": (0, 1), "gelu_tanh": (0, 1), "tanh_shrink": (1, 1), "soft_shrink": (1, 1),
    "hard_shrink": (1, 1), "exp": (0, np.inf), "arctan": (0, 0), "erf": (0, 0), "gaussian": (0, 0),
    "abs": (-1, 1), "identity": (1, 1),
}


@pytest.mark.parametrize("name", SATURATED)
def test_case_33_saturated_at_infinity(dtype, build, name):
    expected = np.array(SATURATED[name], dtype)
    np.testing.assert_array_equal(derivatives(name, [-np.inf, np.inf], dtype), expected)


def test_case_33_infinite_value_and_its_derivative(dtype, build):
    net = fj.Network([fj.Layer([[1.0, -1.0, 2.0]], None, "tanh"), fj.Layer(np.eye(3))], dtype=dtype)
    y, J = net.value_and_jacobian(np.array([np.inf], dtype))
    assert y.tolist() == [1, -1, 1]
    assert J.tolist() == [[0], [0], [0]]


@pytest.mark.parametrize("name", ["tanh", "relu", "sigmoid", "softmax", "log_softmax"])
def test_case_33_difference_of_infinities(dtype, build, name):
    net = fj.Network([fj.Layer([[1.0, 1.0], [-1.0, -1.0]], None, name), fj.Layer(np.eye(2))], dtype=dtype)
    y, J = net.value_and_jacobian(np.array([np.inf, np.inf], dtype))
    assert np.isnan(y).all()
    assert np.isnan(J).all()


@pytest.mark.parametrize("n", [1, 2, 5, 17, 64])
@pytest.mark.parametrize("n_points", [1, 9])
def test_case_34_nan_times_zero(dtype, build, n, n_points):
    net = fj.Network([fj.Layer(np.zeros((n, n)), None, "tanh"), fj.Layer(np.zeros((n, n)))], dtype=dtype)
    a = np.zeros((n_points, n), dtype)
    a[:, n // 2] = np.nan
    assert np.isnan(net(a)).all()
    assert np.isnan(net.jacobian(a)).all()
    zeros = np.zeros_like(a)
    assert np.isnan(net.jvp(zeros, a)).all()
    assert np.isnan(net.vjp(zeros, a)).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["W", "b"])
def test_case_35_weights_are_finite(bad, name):
    arrays = {"W": np.ones((2, 3)), "b": np.ones(3)}
    index = (1, 2) if name == "W" else (1,)
    arrays[name][index] = bad
    with pytest.raises(ValueError) as error:
        fj.Layer(**arrays)
    assert str(error.value).startswith(f"{name}: ")
    assert str(index) in str(error.value)
    with pytest.raises(ValueError) as error:
        fj.Network([(np.ones((4, 2)),), (arrays["W"], arrays["b"], "tanh")])
    assert f"layer 2: {name}" in str(error.value)
    assert str(index) in str(error.value)


@pytest.mark.parametrize("name", ["W", "b"])
def test_case_35_weights_are_finite_in_the_network_s_dtype(name):
    arrays = {"W": np.ones((2, 3)), "b": np.ones(3)}
    index = (1, 2) if name == "W" else (1,)
    arrays[name][index] = -1e39
    layers = [fj.Layer(np.ones((4, 2))), fj.Layer(**arrays)]
    assert fj.Network(layers).dtype == np.float64
    with pytest.raises(ValueError) as error:
        fj.Network(layers, dtype="float32")
    assert f"layer 2: {name}" in str(error.value)
    assert str(index) in str(error.value)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_case_35_parameters_are_finite(bad):
    with pytest.raises(ValueError, match="negative_slope"):
        fj.Layer(np.ones((2, 3)), None, "leaky_relu", negative_slope=bad)
    with pytest.raises(ValueError, match="negative_slope"):
        fj.Layer(np.ones((2, 3)), None, "leaky_relu", negative_slope=[1, 1, bad])


@pytest.mark.parametrize("name", ["softplus", "sigmoid", "silu", "gelu", "gelu_tanh", "mish", "log_sigmoid", "tanh"])
def test_case_36_huge_arguments(dtype, build, name):
    net = elementwise(name, dtype)
    huge = [88.0, 104.0, 710.0, 1e15, 3e38] + [1e154, 1e308] * (dtype == np.float64)
    for h in (np.array(huge, dtype), -np.array(huge, dtype)):
        y, J = net.value_and_jacobian(h[:, None])
        assert np.isfinite(y).all()
        assert np.isfinite(J).all()
        for point, value, derivative in zip(h, y, J):
            one_y, one_J = net.value_and_jacobian(np.array([point]))
            assert one_y == value
            assert one_J == derivative


def test_case_37_derivative_of_tanh_far_out(build):
    h = np.array([20.0, 350.0, -350.0])
    np.testing.assert_allclose(derivatives("tanh", h, "float64"), 4 * np.exp(-2 * np.abs(h)), rtol=2e-15)


def test_case_37_derivative_of_tanh_far_out_single(build):
    h = np.array([9.5, 20.0, -40.0])
    np.testing.assert_allclose(derivatives("tanh", h, "float32"), 4 * np.exp(-2 * np.abs(h)), rtol=5e-7)


@pytest.mark.parametrize("order", ["forward", "reverse"])
def test_case_38_overflow_is_ieee(dtype, build, order):
    huge = float(np.finfo(dtype).max) / 4
    x = np.zeros((3, 1), dtype)
    net = fj.Network([fj.Layer([[16.0, 1.0]]), fj.Layer([[huge, 1.0], [1.0, -huge]])], dtype=dtype, order=order)
    for J in net.jacobian(x):
        assert J.tolist() == [[np.inf], [np.float64(16 - dtype.type(huge))]]
    opposite = fj.Network([
        fj.Layer([[16.0, 16.0]]), fj.Layer(huge * np.eye(2)), fj.Layer([[1.0, 1.0], [-1.0, 1.0]]),
    ], dtype=dtype, order=((3, (2, 1))))
    for J in opposite.jacobian(x):
        assert np.isnan(J[0, 0])
        assert J[1, 0] == np.inf


def test_case_39_dead_relu_network(operand, dtype, build, leading):
    rng = np.random.default_rng(0)
    net = fj.Network([
        fj.Layer(rng.standard_normal((4, 9)), -100 * np.ones(9), "relu"),
        fj.Layer(rng.standard_normal((9, 5)), activation="relu"),
    ], dtype=dtype)
    a = random_array((*leading, operand.width(net)), dtype)
    for part in parts(operand(net, a)):
        assert not part.any()


INVALID, DIVIDE_BY_ZERO, OVERFLOW = 1, 4, 8


@pytest.mark.skipif(platform.system() != "Linux" or platform.machine() != "x86_64",
                    reason="the flags' values are those of glibc on x86-64")
@pytest.mark.parametrize("name", fj.ACTIVATIONS)
def test_case_40_no_exception_where_j_is_finite(dtype, build, name):
    libm, bad = ctypes.CDLL("libm.so.6"), INVALID | DIVIDE_BY_ZERO | OVERFLOW
    rng = np.random.default_rng(0)
    widths = (3, 5, 9, 11, 7)
    # Parameters of units, so that no vector holds one unit's alone.
    layers = [
        fj.Layer(rng.uniform(-0.5, 0.5, (n, m)), rng.uniform(-0.5, 0.5, m), name,
                 **{key: rng.uniform(0.2, 0.8, m) for key in fj.ACTIVATIONS[name].parameters
                    if name not in ("hard_tanh", "rms_norm", "layer_norm")})
        for n, m in zip(widths, widths[1:])
    ]
    huge = float(np.finfo(dtype).max) / 2
    large = [fj.Layer(np.full((n, m), 1.9)) for n, m in zip(widths, widths[1:])]
    spoilers = [fj.Network(large, dtype=dtype, order=order) for order in ("forward", "reverse")]
    for order in ("auto", "forward", "reverse", ((4, 3), (2, 1)), (4, ((3, 2), 1))):
        net = fj.Network(layers, dtype=dtype, order=order)
        for shape in ((), (1,), (2,), (37,), (1000,)):
            x, v, w = (rng.uniform(-0.4, 0.4, (*shape, n)).astype(dtype) for n in (3, 3, 7))
            for method, *operands in ((net, x), (net.jacobian, x), (net.jvp, x, v), (net.vjp, x, w)):
                method(*operands)
                # Leaves infinities, NaN and the largest numbers where the next call has its workspace.
                for spoiler in spoilers:
                    spoiler.jacobian(np.full_like(x, huge))
                    spoiler.vjp(np.copysign(huge, x), np.full_like(w, huge))
                libm.feclearexcept(bad)
                result = method(*operands)
                raised = libm.fetestexcept(bad)
                assert np.isfinite(result).all()
                assert raised == 0, (order, shape, method)


def test_case_41_numpy_s_error_state(operand, dtype, build, leading):
    net = make_mixed(dtype)
    a = random_array((*leading, operand.width(net)), dtype)
    for factor in (1, 1e30, np.finfo(dtype).smallest_subnormal, np.nan, np.inf):
        points = (a * factor).astype(dtype)
        baseline = operand(net, points)
        with np.errstate(all="raise"):
            result = operand(net, points)
            strided = operand(net, points[..., ::-1][..., ::-1].tolist())
        assert_same(result, baseline)
        assert_same(strided, baseline)


def test_case_41_numpy_s_error_state_while_a_network_is_made():
    with np.errstate(all="raise"):
        layer = fj.Layer(np.array([[1e-300, 1.0]]), activation="softplus", beta=[0.5, 2.0])
        net = fj.Network([layer], dtype="float32")
        assert net(np.array([1e-300])).shape == (2,)


@pytest.mark.parametrize("state", ["raise", "warn"])
def test_case_41_numbers_beyond_float32(operand, leading, state):
    net = make_mixed("float32")
    a = random_array((*leading, operand.width(net)))
    for factor, limit in ((1e-300, 0.0), (1e300, np.inf)):
        with np.errstate(all=state):
            result = operand(net, factor * a)
        assert_same(result, operand(net, np.copysign(limit, a).astype("float32")))


FLUSHES_SUBNORMALS = """
import ctypes, ctypes.util
import numpy as np

def control():
    environment = (ctypes.c_uint32 * 16)()
    ctypes.CDLL(ctypes.util.find_library("m")).fegetenv(environment)
    return environment[7] & ~0x3F

def subnormals_work():
    tiny = np.full(64, np.finfo(np.float64).tiny)
    return bool((tiny / 2 > 0).all() and (tiny / 2 * 2 == tiny).all())

before = control()
import fastjac as fj
assert control() == before
from fastjac.kernels import dispatch
for name in dispatch.available():
    dispatch.select(name)
    net = fj.Network([fj.Layer(np.ones((2, 3)), None, "tanh"), fj.Layer(np.ones((3, 2)), None, "softmax")])
    net.value_and_jacobian(np.ones((100, 2)), workers=2)
    assert subnormals_work()
assert control() == before
print("the same")
"""


@pytest.mark.skipif(platform.system() != "Linux" or platform.machine() != "x86_64",
                    reason="reads MXCSR as glibc keeps it on x86-64")
def test_case_42_no_fast_math_start_up_code():
    assert run_python(FLUSHES_SUBNORMALS) == "the same\n"
