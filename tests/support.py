"""Networks, arguments and comparisons that several tests share."""

import subprocess
import sys
from dataclasses import dataclass

import numpy as np

import fastjac as fj


def make_network(widths, activations, dtype="float64", *, seed=0, gain=1.0, bias=True, **options):
    """A network with normally distributed weights of variance gain²/n_in; activations are cycled through."""
    rng = np.random.default_rng(seed)
    layers = [
        fj.Layer(
            gain * rng.standard_normal((n_in, n_out)) / np.sqrt(n_in),
            0.3 * rng.standard_normal(n_out) if bias else None,
            activations[k % len(activations)],
        )
        for k, (n_in, n_out) in enumerate(zip(widths, widths[1:]))
    ]
    return fj.Network(layers, dtype=dtype, **options)


def make_mixed(dtype="float64"):
    """A small network with n_in ≠ n_out, all kinds of derivatives and a bottleneck."""
    return make_network((4, 9, 3, 8, 5), ["tanh", "identity", "softmax", "relu"], dtype)


def make_square(dtype="float64"):
    """A small network whose argument and value have the same shape."""
    return make_network((5, 7, 5), ["tanh", "identity"], dtype)


@dataclass(frozen=True)
class Operand:
    """One array argument of one method; calling it calls the method with the other argument at rest."""

    method: str
    name: str

    def __str__(self):
        return f"{self.method.strip('_')}-{self.name}"

    def width(self, net):
        """Length of the argument's last dimension."""
        return net.n_out if self.name == "w" else net.n_in

    def __call__(self, net, array, **keywords):
        method = getattr(net, self.method)
        if self.method not in ("jvp", "vjp"):
            return method(array, **keywords)
        if self.name == "x":
            return method(array, at_rest(net, "v" if self.method == "jvp" else "w"), **keywords)
        return method(at_rest(net, "x"), array, **keywords)

    def shapes(self, net, leading):
        """Shapes of the results."""
        value, jacobian, gradient = (net.n_out,), (net.n_out, net.n_in), (net.n_in,)
        core = {
            "__call__": [value], "jacobian": [jacobian], "value_and_jacobian": [value, jacobian],
            "jvp": [value], "vjp": [gradient],
        }[self.method]
        return [tuple(leading) + shape for shape in core]

    def as_out(self, arrays):
        """What the method takes as out= for these arrays, one for each result."""
        return tuple(arrays) if len(arrays) == 2 else arrays[0]

    def new_out(self, net, leading, fill=np.nan):
        return self.as_out([np.full(shape, fill, net.dtype) for shape in self.shapes(net, leading)])


OPERANDS = [
    Operand("__call__", "x"), Operand("jacobian", "x"), Operand("value_and_jacobian", "x"),
    Operand("jvp", "x"), Operand("jvp", "v"), Operand("vjp", "x"), Operand("vjp", "w"),
]
METHODS = [operand for operand in OPERANDS if operand.name == "x"]


def at_rest(net, name):
    """The argument that does not vary."""
    n = net.n_out if name == "w" else net.n_in
    return np.linspace(-0.9, 0.7, n).astype(net.dtype)


def random_array(shape, dtype="float64", seed=1):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def parts(result):
    """The arrays of a result, one or two."""
    return result if isinstance(result, tuple) else (result,)


def assert_same(result, expected):
    """The same bits, in base-class arrays of the same dtype and shape."""
    assert len(parts(result)) == len(parts(expected))
    for got, wanted in zip(parts(result), parts(expected)):
        assert type(got) is np.ndarray
        assert got.dtype == wanted.dtype
        assert got.shape == wanted.shape
        assert got.tobytes() == wanted.tobytes()


def assert_close(result, expected, factor=100):
    """Within `factor` roundings of the largest element of each array; NaN and infinities in the same places."""
    for got, wanted in zip(parts(result), parts(expected), strict=True):
        assert got.shape == wanted.shape
        scale = np.max(np.abs(wanted), initial=0, where=np.isfinite(wanted))
        np.testing.assert_allclose(got, wanted, rtol=0, atol=factor * np.finfo(got.dtype).eps * float(scale))


def run_python(code, *, timeout=120, **environment):
    """Run `code` in an interpreter of its own, with warnings as errors; what it prints."""
    import os

    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, timeout=timeout,
        env={**os.environ, **environment}, check=False,
    )
    assert result.returncode == 0, f"exit status {result.returncode}\n{result.stdout}\n{result.stderr}"
    return result.stdout


def reference(net, x):
    """Value and Jacobian of one point in long double, by the formula, with dense derivatives."""
    a, J = np.asarray(x, np.longdouble), np.eye(net.n_in, dtype=np.longdouble)
    for layer in net.layers:
        W = layer.W.astype(net.dtype).astype(np.longdouble)
        b = 0 if layer.b is None else layer.b.astype(net.dtype).astype(np.longdouble)
        a, D = _ACTIVATIONS[layer.activation](W.T @ a + b)
        J = D @ (W.T @ J)
    return a, J


def _tanh(h):
    return np.tanh(h), np.diag(1 / np.cosh(h) ** 2)


def _softmax(h):
    e = np.exp(h - h.max())
    s = e / e.sum()
    return s, np.diag(s) - np.outer(s, s)


def _log_softmax(h):
    s, _ = _softmax(h)
    return h - h.max() - np.log(np.exp(h - h.max()).sum()), np.eye(len(h)) - np.outer(np.ones_like(s), s)


_ACTIVATIONS = {
    "identity": lambda h: (h, np.eye(len(h))),
    "relu": lambda h: (np.maximum(h, 0), np.diag(np.where(h > 0, np.longdouble(1), 0))),
    "tanh": _tanh,
    "softmax": _softmax,
    "log_softmax": _log_softmax,
}
