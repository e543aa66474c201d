"""Activations of users: Python callables and compiled functions, checked, in both engines, from C, exported."""

import ctypes
import itertools
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from exported import export, needs_gcc
from support import assert_close

import fastjac as fj
from fastjac import activations

names = (f"custom_{i}" for i in itertools.count())

SOURCE = """
#include <math.h>
#include <stddef.h>
#define DEFINE(real, suffix, exp, fabs)                                                          \\
void squash_##suffix(ptrdiff_t n, const real *h, real *a, real *d, const real *p)                \\
{                                                                                                \\
    for (ptrdiff_t i = 0; i < n; i++) {                                                          \\
        real x = h[i], q = 1 / (1 + fabs(x));                                                    \\
        a[i] = x * q;                                                                            \\
        d[i] = q * q;                                                                            \\
    }                                                                                            \\
    (void)p;                                                                                     \\
}                                                                                                \\
void swish_##suffix(ptrdiff_t n, const real *h, real *a, real *d, const real *p)                 \\
{                                                                                                \\
    for (ptrdiff_t i = 0; i < n; i++) {                                                          \\
        real x = h[i], s = 1 / (1 + exp(-p[i] * x));                                             \\
        a[i] = p[n + i] * x * s;                                                                 \\
        d[i] = p[n + i] * (s + p[i] * x * s * (1 - s));                                          \\
    }                                                                                            \\
}
DEFINE(double, f64, exp, fabs)
DEFINE(float, f32, expf, fabsf)
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    folder = tmp_path_factory.mktemp("compiled")
    (folder / "functions.c").write_text(SOURCE)
    subprocess.run(["gcc", "-O2", "-fPIC", "-shared", folder / "functions.c", "-lm", "-o", folder / "functions.so"],
                   check=True)
    return ctypes.CDLL(str(folder / "functions.so"))


@pytest.fixture
def name():
    """A name that is free again afterwards."""
    name = next(names)
    yield name
    if name in fj.ACTIVATIONS:
        activations.forget(fj.ACTIVATIONS[name])


def layers(activation, **parameters):
    random = np.random.default_rng(0)
    shapes = ((3, 9), (9, 17), (17, 2))
    return [
        fj.Layer(random.normal(size=shapes[0]) / 2, random.normal(size=9), activation, **parameters),
        fj.Layer(random.normal(size=shapes[1]) / 3, random.normal(size=17), "tanh"),
        fj.Layer(random.normal(size=shapes[2]) / 4, None, activation, **parameters),
    ]


def assert_same_network(net, expected, factor=100):
    x = np.random.default_rng(1).normal(size=(150, 3)).astype(net.dtype)
    v, w = x[::-1].copy(), np.ones((150, 2), net.dtype)
    for points in (x, x[0]):
        assert_close(net.value_and_jacobian(points), expected.value_and_jacobian(points), factor)
    assert_close(net(x), expected(x), factor)
    assert_close(net.jvp(x, v), expected.jvp(x, v), factor)
    assert_close(net.vjp(x, w), expected.vjp(x, w), factor)
    assert_close(net.jacobian(x, workers=2), expected.jacobian(x), factor)
    assert_close(net.jacobian(x, wrt=[2], outputs=[1]), expected.jacobian(x)[:, 1:, 2:], factor)


@pytest.fixture(params=["packed", "blas"])
def engine(request):
    return request.param


def test_python_callables(name, engine, dtype):
    fj.register_activation(name, lambda h: h / (1 + np.abs(h)), lambda h: 1 / (1 + np.abs(h)) ** 2)
    options = {"engine": engine, "dtype": dtype}
    assert_same_network(fj.Network(layers(name), **options), fj.Network(layers("softsign"), **options))


def test_python_callables_with_parameters(name, engine, dtype):
    def f(h, beta, size):
        return size * h / (1 + np.exp(-beta * h))

    def derivative(h, beta, size):
        s = 1 / (1 + np.exp(-beta * h))
        return size * (s + beta * h * s * (1 - s))

    fj.register_activation(name, f, derivative, parameters={"beta": 1.0, "size": None})
    options = {"engine": engine, "dtype": dtype}
    net = fj.Network(layers(name, size=1.0), **options)
    assert_same_network(net, fj.Network(layers("silu"), **options))
    beta = np.linspace(0.5, 2, 9)
    one = fj.Network([fj.Layer(np.eye(9), None, name, beta=beta, size=2.0)], **options)
    x = np.linspace(-2, 2, 9).astype(dtype)
    expected = f(x, beta, 2), np.diag(derivative(x, beta, 2))
    assert_close(one.value_and_jacobian(x), tuple(array.astype(dtype) for array in expected))


@needs_gcc
@pytest.mark.parametrize("with_f32", [True, False])
def test_compiled_functions(name, engine, dtype, library, with_f32):
    f32 = library.squash_f32 if with_f32 else None
    fj.register_activation(name, address=library.squash_f64, address_f32=f32)
    options = {"engine": engine, "dtype": dtype}
    assert_same_network(fj.Network(layers(name), **options), fj.Network(layers("softsign"), **options))


@needs_gcc
@pytest.mark.parametrize("with_f32", [True, False])
def test_compiled_functions_with_parameters(name, dtype, library, with_f32):
    number = ctypes.cast(library.swish_f64, ctypes.c_void_p).value
    fj.register_activation(name, address=number, address_f32=library.swish_f32 if with_f32 else None,
                           parameters={"beta": 1.0, "size": 1.0})
    assert_same_network(fj.Network(layers(name), dtype=dtype), fj.Network(layers("silu"), dtype=dtype))
    n = 150  # more than are converted at a time
    beta, size, x = np.linspace(0.5, 2, n), np.linspace(1, 3, n), np.linspace(-2, 2, n).astype(dtype)
    s = 1 / (1 + np.exp(-beta * x))
    net = fj.Network([fj.Layer(np.eye(n), None, name, beta=beta, size=size)], dtype=dtype)
    assert_close(net(x), (size * x * s).astype(dtype))


def test_numba_cfunc(name, dtype):
    numba = pytest.importorskip("numba")
    pointer = numba.types.CPointer(numba.float64)

    @numba.cfunc(numba.void(numba.intp, pointer, pointer, pointer, pointer))
    def squash(n, h, a, d, parameters):
        for i in range(n):
            q = 1 / (1 + abs(h[i]))
            a[i], d[i] = h[i] * q, q * q

    fj.register_activation(name, address=squash)
    assert_same_network(fj.Network(layers(name), dtype=dtype), fj.Network(layers("softsign"), dtype=dtype))


@needs_gcc
def test_from_c(name, library):
    """Through the C interface; what Python computes, from a thread that Python does not know."""
    fj.register_activation(name, lambda h: h / (1 + np.abs(h)), lambda h: 1 / (1 + np.abs(h)) ** 2)
    net = fj.Network(layers(name))
    c, x, J, work = net.ctypes, np.ones(3), np.empty((2, 3)), net.ctypes.workspace()
    assert c.jacobian(c.handle, x.ctypes, 3, J.ctypes, 2, 3, 3, 1, work.ctypes, work.nbytes) == 0
    assert np.array_equal(J, net.jacobian(x))


@needs_gcc
def test_exported(name, dtype, tmp_path):
    def f(h, beta):
        return beta * h / (1 + np.abs(h))

    fj.register_activation(name, f, lambda h, beta: beta / (1 + np.abs(h)) ** 2, parameters={"beta": 1.0},
                           c=("beta * h / (1 + fabs(h))", "beta / ((1 + fabs(h)) * (1 + fabs(h)))"))
    first = fj.Layer(np.eye(3, 5), np.ones(5), name, beta=np.linspace(1, 2, 5))
    net = fj.Network([first, (np.ones((5, 2)), None, name)], dtype=dtype)
    x = np.random.default_rng(1).normal(size=(5, 3)).astype(dtype)
    assert_close(export(tmp_path, net).value_and_jacobian(x), net.value_and_jacobian(x))


def test_export_needs_an_expression(name, tmp_path):
    fj.register_activation(name, np.arctan, lambda h: 1 / (1 + h * h))
    with pytest.raises(ValueError, match=f"activation {name}: expected expressions of C"):
        fj.Network(layers(name)).export_c(tmp_path / "net.c")


def test_page_runs():
    pytest.importorskip("numba")
    page = Path(__file__).parents[1] / "docs" / "custom-activations.md"
    if not page.exists():
        pytest.skip("needs the sources beside the tests")
    try:
        exec("".join(re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S)), {})
    finally:
        for known in ("squash", "swish_beta"):
            activations.forget(fj.ACTIVATIONS[known])


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize("derivative, worst", [
    (lambda h: np.cos(h) + 1e-3, "expected about"),
    (lambda h: np.where(np.abs(h - 1.3) < 0.02, 0, np.cos(h)), r"at h = 1\.[23]"),
    (lambda h: np.where(h < -9, np.nan, np.cos(h)), r"got nan"),
    (lambda h: -np.cos(h), "expected about"),
    (lambda h: np.ones_like(h), "expected about"),
])
def test_a_wrong_derivative_is_refused(name, derivative, worst):
    with pytest.raises(ValueError, match=f"derivative of {name}: .*{worst}"):
        fj.register_activation(name, np.sin, derivative)
    assert name not in fj.ACTIVATIONS
    fj.register_activation(name, np.sin, np.cos)


@pytest.mark.parametrize("known", [
    (np.tanh, lambda h: 1 / np.cosh(np.clip(h, -300, 300)) ** 2, ()),
    (lambda h: h**3, lambda h: 3 * h * h, ()),
    (lambda h: np.exp(-h * h), lambda h: -2 * h * np.exp(-h * h), ()),
    (lambda h: np.maximum(h, 0), lambda h: (h > 0) * 1.0, (0.0,)),
    (lambda h: np.abs(h - 2), lambda h: np.sign(h - 2), (2.0,)),
    (lambda h: np.log1p(np.exp(-np.abs(h))) + np.maximum(h, 0), lambda h: 0.5 * (1 + np.tanh(h / 2)), ()),
    (lambda h: np.sin(3 * h), lambda h: 3 * np.cos(3 * h), ()),
    (lambda h: 0 * h, lambda h: 0 * h, ()),
])
def test_a_right_derivative_is_not(name, known):
    f, derivative, kinks = known
    assert fj.register_activation(name, f, derivative, kinks=kinks).name == name


def test_a_kink_has_to_be_told(name):
    with pytest.raises(ValueError, match=f"derivative of {name}: .* at h = "):
        fj.register_activation(name, lambda h: np.maximum(h, 1e-3 * h), lambda h: np.where(h > 1e-4, 1, 1e-3))


@pytest.mark.parametrize("arguments, options, error, message", [
    (("two words", np.sin, np.cos), {}, ValueError, "name: expected an identifier"),
    ((5, np.sin, np.cos), {}, ValueError, "name: expected an identifier"),
    (("größe", np.sin, np.cos), {}, ValueError, "name: expected an identifier of ASCII letters"),
    (("tanh", np.sin, np.cos), {}, ValueError, "name: expected one that no activation has, got 'tanh'"),
    (("ReLU", np.sin, np.cos), {}, ValueError, "which is relu"),
    (("new", np.sin), {}, TypeError, "expected two callables, or an address"),
    (("new", np.sin, np.cos), {"address": 5}, TypeError, "expected none beside an address"),
    (("new",), {"address_f32": 5}, TypeError, "expected the function for float64"),
    (("new",), {"address": "5"}, TypeError, "address: expected an address"),
    (("new",), {"address": 0}, TypeError, "address: expected an address"),
    (("new", np.sin, np.cos), {"c": "sin(h)"}, TypeError, "c: expected two expressions"),
    (("new", lambda h: h[:1], np.cos), {}, ValueError, r"f: expected real numbers of shape"),
    (("new", np.sin, lambda h: h * 1j), {}, ValueError, "derivative: expected real numbers of shape"),
])
def test_bad_arguments(arguments, options, error, message):
    with pytest.raises(error, match=message):
        fj.register_activation(*arguments, **options)
    assert "new" not in fj.ACTIVATIONS


def test_an_exception_reaches_the_caller(name):
    def f(h):
        if np.any(h > 1e3):
            raise OverflowError("too large")
        return np.sin(h)

    fj.register_activation(name, f, np.cos)
    net = fj.Network([fj.Layer(np.eye(2), None, name)])
    for workers, points in ((1, [2e3, 0]), (1, np.full((5000, 2), 2e3)), (2, np.full((5000, 2), 2e3))):
        with pytest.raises(OverflowError, match="too large"):
            net.jacobian(points, workers=workers)
    with pytest.raises(OverflowError, match="too large"):
        net(np.array([2e3, 0]))
    assert_close(net(np.zeros(2)), np.zeros(2))


def test_callables_cannot_change_what_is_not_theirs(name):
    kept = []

    def f(h):
        kept.append(h)
        h += 1
        return np.sin(h - 1)

    fj.register_activation(name, f, lambda h: np.cos(h))
    net = fj.Network([fj.Layer(np.eye(2), None, name)])
    y, J = net.value_and_jacobian(np.array([0.5, 1.0]))
    assert_close(y, np.sin([0.5, 1.0]))
    assert_close(J, np.diag(np.cos([0.5, 1.0])))
    net(np.array([3.0, 4.0]))
    assert_close(kept[-2], np.array([1.5, 2.0]))


def test_references_do_not_leak(name):
    f = np.sin
    fj.register_activation(name, lambda h: f(h), np.cos)
    net, x = fj.Network([fj.Layer(np.eye(2), None, name)]), np.ones(2)
    net.jacobian(x)
    before = sys.getrefcount(x), sys.getrefcount(f)
    for _ in range(100):
        net.jacobian(x)
    assert (sys.getrefcount(x), sys.getrefcount(f)) == before
