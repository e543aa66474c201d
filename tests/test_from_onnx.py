"""ONNX files: every operator, every spelling and every shape against onnx's reference evaluator; and refusals.

The values of a model in double come from `onnx.reference`, its Jacobian from central differences of order 8 of
these values. Graphs are written in ONNX's own text syntax, as exporters wrote them.
"""

import os
import re
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from scipy.special import erf

import fastjac as fj
from fastjac.formats._onnx.operators import OPERATORS as OPERATOR_RULES
from fastjac.formats.errors import ModelFormatError
from fastjac.formats.onnx import NEWEST

onnx = pytest.importorskip("onnx")
parser = pytest.importorskip("onnx.parser")
helper = pytest.importorskip("onnx.helper")
numpy_helper = pytest.importorskip("onnx.numpy_helper")
reference = pytest.importorskip("onnx.reference")
op_run = pytest.importorskip("onnx.reference.op_run")

rng = np.random.default_rng(0)
W, b, V = rng.normal(size=(3, 5)), rng.normal(size=5), rng.normal(size=(5, 2))
POINTS = rng.normal(size=(6, 3))
OFFSETS = np.array([-4, -3, -2, -1, 1, 2, 3, 4])
WEIGHTS = np.array([1 / 280, -4 / 105, 1 / 5, -4 / 5, 4 / 5, -1 / 5, 4 / 105, -1 / 280])


def parse(text, /, opset=20, **arrays):
    """Model of a graph in text, with arrays as initializers."""
    domains = f'"": {opset}, "ai.onnx.ml": 3'
    model = parser.parse_model(f"<ir_version: 8, opset_import: [{domains}]> {text}")
    model.graph.initializer.extend(numpy_helper.from_array(np.asarray(a), name) for name, a in arrays.items())
    return model


def between_layers(body, /, opset=20, constants="", **arrays):
    """x -> h = W x + b -> a as in `body` -> y = V a."""
    constants = f"<{constants}>" if constants else ""
    text = f"g (double[N, 3] x) => (double[N, 2] y) {constants} {{ h = Gemm(x, W, b) {body} y = MatMul(a, V) }}"
    return parse(text, opset, W=W, b=b, V=V, **arrays)


class Erf(op_run.OpRun):
    """The evaluator's own is float32."""

    def _run(self, x):
        return (erf(x),)


class Gelu(op_run.OpRun):
    """The evaluator's own rests on its erf."""

    def _run(self, x, approximate=None):
        if approximate == "tanh":
            return (x / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))),)
        return (x / 2 * (1 + erf(x / np.sqrt(2))),)


def run(model, x):
    evaluator = reference.ReferenceEvaluator(model, new_ops=[Erf, Gelu])
    return evaluator.run(None, {model.graph.input[0].name: x})[0]


def differences(function, x, step=1e-3):
    """J at each row of x, (n_points, n_out, n_in)."""
    moved = x[:, None, None] + step * OFFSETS[:, None, None] * np.eye(x.shape[1])  # point, offset, input, x
    values = function(moved.reshape(-1, x.shape[1])).reshape(*moved.shape[:3], -1)
    return np.einsum("k,pkjo->poj", WEIGHTS, values) / step


def check(model, x=POINTS, *, tolerance=1e-13, **keywords):
    """Hold value and J of the network against the evaluator; returns the network."""
    net = fj.from_onnx(model, **keywords)
    sizes = [d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim][1:]
    y, J = net.value_and_jacobian(x)

    def function(x):
        return np.concatenate([run(model, row.reshape(1, *sizes)).reshape(1, -1) for row in x])

    expected = function(x)
    np.testing.assert_allclose(y, expected, rtol=0, atol=tolerance * max(1, abs(expected).max()))
    expected = differences(function, x)
    np.testing.assert_allclose(J, expected, rtol=0, atol=(1e-9 + tolerance) * max(1, abs(expected).max()))
    return net


def activations(net):
    return [layer.activation for layer in net.layers if hasattr(layer, "activation")]


# --- operators -----------------------------------------------------------------------------------------------

OPERATORS = {
    "Relu(h)": "relu",
    "LeakyRelu(h)": "leaky_relu",
    "LeakyRelu <alpha = 0.3> (h)": "leaky_relu",
    "PRelu(h, slope)": "prelu",
    "PRelu(h, half)": "prelu",
    "Elu(h)": "elu",
    "Elu <alpha = 0.5> (h)": "elu",
    "Selu(h)": "elu",  # the constants of the specification are float32
    "Selu <alpha = 1.5, gamma = 1.2> (h)": "elu",
    "Celu(h)": "celu",
    "Celu <alpha = 0.7> (h)": "celu",
    "ThresholdedRelu(h)": "thresholded_relu",
    "ThresholdedRelu <alpha = 0.3> (h)": "thresholded_relu",
    "Shrink <lambd = 0.4, bias = 0.4> (h)": "soft_shrink",
    "Shrink <lambd = 0.4> (h)": "hard_shrink",
    "Tanh(h)": "tanh",
    "Sigmoid(h)": "sigmoid",
    "HardSigmoid(h)": "hard_sigmoid",
    "HardSigmoid <alpha = 0.3, beta = 0.4> (h)": "hard_sigmoid",
    "Softplus(h)": "softplus",
    "Softsign(h)": "softsign",
    "Gelu(h)": "gelu",
    'Gelu <approximate = "tanh"> (h)': "gelu_tanh",
    "Mish(h)": "mish",
    "Softmax(h)": "softmax",
    "Softmax <axis = 1> (h)": "softmax",
    "LogSoftmax(h)": "log_softmax",
    "Exp(h)": "exp",
    "Sin(h)": "sin",
    "Cos(h)": "cos",
    "Atan(h)": "arctan",
    "Erf(h)": "erf",
    "Abs(h)": "abs",
    "Clip(h, , six)": "hard_tanh",
    "Clip(h, half)": "hard_tanh",
    "Clip(h, zero, six)": "relu6",
    "Clip(h, zero)": "relu",
    "Clip(h, zero, half)": "hard_tanh",
    "Max(h, zero)": "relu",
    "Min(half, h)": "hard_tanh",
    "Max(slope, h)": "hard_tanh",
    "Pow(h, two)": "square",
    "Mul(h, h)": "square",
    "Pow(ten, h)": "exp",
}
CONSTANTS = "double half = {0.5}, double six = {6}, double zero = {0}, double two = {2}, double ten = {10}"


@pytest.mark.parametrize("text, name", OPERATORS.items())
def test_operator(text, name):
    model = between_layers(f"a = {text}", constants=CONSTANTS, slope=np.array([0.1, 0.2, -0.3, 0.4, 0.5]))
    assert name in activations(check(model))


def test_hard_swish_is_that_of_six():
    # The evaluator has alpha = 1/6 as float32.
    net = check(between_layers("a = HardSwish(h)"), tolerance=1e-7)
    h = POINTS @ W + b
    np.testing.assert_allclose(net(POINTS), (h * np.clip(h + 3, 0, 6) / 6) @ V, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("alpha", [1.0, 1.702])
def test_swish(alpha):
    check(between_layers(f"a = Swish <alpha = {alpha}> (h)", opset=24))


def test_selu_in_float32_is_selu():
    model = parse("g (float[N, 2] x) => (float[N, 2] y) { y = Selu(x) }")
    assert activations(fj.from_onnx(model)) == ["selu"]


# --- activations that are spelt out ---------------------------------------------------------------------------

NUMBERS = (
    "double one = {1}, double half = {0.5}, double two = {2}, double three = {3}, double six = {6}, "
    "double zero = {0}, double root2 = {1.4142135623730951}, double sixth = {0.16666666666666666}, "
    "double root2pi = {0.7978845608028654}, double cubic = {0.044715}, double quick = {1.702}, "
    "double t = {0.3}, double minus_t = {-0.3}, double twenty = {20}, double tenth = {0.1}"
)
SPELLINGS = {
    "gelu, torch": ("gelu", "d = Div(h, root2) e = Erf(d) s = Add(e, one) m = Mul(h, s) a = Mul(m, half)"),
    "gelu, half first": ("gelu", "d = Div(h, root2) e = Erf(d) s = Add(one, e) k = Mul(half, h) a = Mul(k, s)"),
    "gelu, half inside": (
        "gelu", "d = Div(h, root2) e = Erf(d) k = Mul(e, half) s = Add(k, half) a = Mul(s, h)"),
    "gelu of another width": ("gelu", "e = Erf(h) s = Add(e, one) a = Mul(h, s)"),
    "gelu_tanh, torch": (
        "gelu_tanh",
        "p = Pow(h, three) k = Mul(p, cubic) i = Add(h, k) u = Mul(root2pi, i) v = Tanh(u) s = Add(v, one) "
        "g = Mul(h, half) a = Mul(g, s)"),
    "gelu_tanh, factored": (
        "gelu_tanh",
        "q = Mul(h, h) k = Mul(q, cubic) j = Add(k, one) u = Mul(h, root2pi) i = Mul(u, j) v = Tanh(i) "
        "s = Add(v, one) g = Mul(h, s) a = Mul(g, half)"),
    "silu": ("silu", "s = Sigmoid(h) a = Mul(h, s)"),
    "silu as a quotient": ("silu", "n = Neg(h) e = Exp(n) s = Add(e, one) a = Div(h, s)"),
    "silu by tanh": ("silu", "k = Mul(h, half) v = Tanh(k) s = Add(v, one) g = Mul(s, half) a = Mul(g, h)"),
    "quick gelu": ("speculator", "k = Mul(h, quick) s = Sigmoid(k) a = Mul(h, s)"),
    "speculator": (
        "speculator",
        "k = Mul(alpha, h) s = Sigmoid(k) c = Sub(one, beta) m = Mul(s, c) g = Add(beta, m) a = Mul(g, h)"),
    "sigmoid": ("sigmoid", "n = Neg(h) e = Exp(n) s = Add(e, one) a = Div(one, s)"),
    "sigmoid, reciprocal": ("sigmoid", "n = Neg(h) e = Exp(n) s = Add(e, one) a = Reciprocal(s)"),
    "log_sigmoid": ("log_sigmoid", "s = Sigmoid(h) a = Log(s)"),
    "log_sigmoid, keras": ("softplus", "n = Neg(h) s = Softplus(n) a = Neg(s)"),
    "log_softmax": ("log_softmax", "s = Softmax(h) a = Log(s)"),
    "softplus": ("softplus", "e = Exp(h) s = Add(one, e) a = Log(s)"),
    "softplus of beta": ("softplus", "k = Mul(h, three) s = Softplus(k) a = Div(s, three)"),
    "softplus, torch": (
        "softplus",
        "k = Mul(h, three) s = Softplus(k) d = Div(s, three) c = Greater(k, twenty) a = Where(c, h, d)"),
    "softsign": ("softsign", "m = Abs(h) s = Add(m, one) a = Div(h, s)"),
    "mish": ("mish", "s = Softplus(h) v = Tanh(s) a = Mul(h, v)"),
    "mish by log": ("mish", "e = Exp(h) p = Add(e, one) s = Log(p) v = Tanh(s) a = Mul(v, h)"),
    "hard_swish": ("hard_swish", "s = Add(h, three) c = Clip(s, zero, six) m = Mul(h, c) a = Div(m, six)"),
    "hard_swish, keras": ("hard_swish", "s = Add(h, three) c = Clip(s, zero, six) m = Mul(c, sixth) a = Mul(h, m)"),
    "hard_sigmoid, keras": ("relu6", "s = Add(h, three) c = Clip(s, zero, six) a = Mul(c, sixth)"),
    "hard_tanh, keras": ("hard_tanh", "m = Min(h, half) a = Max(m, minus_t)"),
    "relu up to a bound, keras": ("hard_tanh", "r = Relu(h) m = Min(r, half) a = Max(m, zero)"),
    "tanh_shrink": ("tanh_shrink", "v = Tanh(h) a = Sub(h, v)"),
    "soft_shrink, torch": (
        "soft_shrink",
        "m = Abs(h) c = Greater(m, t) s = Sign(h) k = Mul(s, t) d = Sub(h, k) z = Mul(h, zero) a = Where(c, d, z)"),
    "soft_shrink, torch by traces": (
        "soft_shrink",
        "c = Greater(h, t) d = Sub(h, t) u = Where(c, d, zero) "
        "e = Less(h, minus_t) f = Add(h, t) v = Where(e, f, zero) a = Add(u, v)"),
    "hard_shrink, torch": ("hard_shrink", "m = Abs(h) c = LessOrEqual(m, t) a = Where(c, zero, h)"),
    "hard_shrink, torch by traces": (
        "hard_shrink",
        "c = Greater(h, t) d = Less(h, minus_t) e = Cast <to = 9> (c) f = Cast <to = 9> (d) g = Or(e, f) "
        "a = Where(g, h, zero)"),
    "thresholded_relu, torch": ("thresholded_relu", "c = LessOrEqual(h, t) a = Where(c, zero, h)"),
    "relu, where": ("relu", "c = GreaterOrEqual(h, zero) a = Where(c, h, zero)"),
    "relu, where less": ("relu", "c = Less(h, zero) a = Where(c, zero, h)"),
    "smaller part": ("relu", "c = Less(h, zero) a = Where(c, h, zero)"),
    "leaky_relu, where": ("leaky_relu", "c = Greater(h, zero) k = Mul(h, tenth) a = Where(c, h, k)"),
    "leaky_relu, max": ("leaky_relu", "k = Mul(h, tenth) a = Max(k, h)"),
    "prelu, keras": ("prelu", "r = Relu(h) n = Neg(h) s = Relu(n) k = Mul(s, beta) a = Add(r, k)"),
    "gaussian, torch": ("gaussian", "q = Pow(h, two) n = Neg(q) a = Exp(n)"),
    "gaussian of another width": ("gaussian", "q = Mul(h, h) n = Mul(q, minus_t) a = Exp(n)"),
    "softmin": ("softmax", "n = Neg(h) a = Softmax(n)"),
}  # fmt: skip


@pytest.mark.parametrize("name, body", SPELLINGS.values(), ids=SPELLINGS)
def test_spelling(name, body):
    model = between_layers(
        body, constants=NUMBERS, alpha=np.array([0.5, 1.0, 1.5, 2.0, 3.0]), beta=np.array([0.1, 0.2, 0.3, 0.4, 0.5])
    )
    assert name in activations(check(model))


def test_constants_in_float32_are_the_textbook_s():
    text = """g (float[N, 3] x) => (float[N, 3] y)
        <float root2 = {1.41421354}, float one = {1}, float half = {0.5}>
        { d = Div(x, root2) e = Erf(d) s = Add(e, one) m = Mul(x, s) y = Mul(m, half) }"""
    net = fj.from_onnx(parse(text))
    assert activations(net) == ["gelu"]
    assert net.dtype == np.float32


def test_a_constant_that_is_no_textbook_s_is_kept():
    # One digit less than sqrt(2): another function, by 1e-9, and it is that one.
    model = between_layers("d = Div(h, root2) e = Erf(d) s = Add(e, one) a = Mul(h, s)",
                           constants="double root2 = {1.41421356}, double one = {1}")
    check(model)


# --- layers, normalisation, skips ------------------------------------------------------------------------------


@pytest.mark.parametrize("transA", [0, 1])
@pytest.mark.parametrize("transB", [0, 1])
@pytest.mark.parametrize("alpha, beta", [(1.0, 1.0), (0.5, -2.0), (1.0, 0.0)])
def test_gemm(transA, transB, alpha, beta):
    first = "t = Transpose(x)" if transA else "t = Identity(x)"
    text = f"""g (double[N, 3] x) => (double[N, 5] y) {{ {first}
        y = Gemm <alpha = {alpha}, beta = {beta}, transA = {transA}, transB = {transB}> (t, W, b) }}"""
    check(parse(text, W=W.T if transB else W, b=b))


@pytest.mark.parametrize("body", ["m = MatMul(x, W) y = Add(m, b)", "m = MatMul(x, W) y = Add(b, m)"])
@pytest.mark.parametrize("shape", [(5,), (1, 5)])
def test_matmul_and_add(body, shape):
    check(parse(f"g (double[N, 3] x) => (double[N, 5] y) {{ {body} }}", W=W, b=b.reshape(shape)))


def test_weights_on_the_left():
    text = "g (double[N, 3] x) => (double[N, 5] y) { t = Transpose(x) m = MatMul(U, t) s = Add(m, c) y = Transpose(s) }"
    check(parse(text, U=W.T, c=b[:, None]))
    text = "g (double[N, 3] x) => (double[N, 5] y) { t = Gemm <transB = 1> (U, x, c) y = Transpose(t) }"
    check(parse(text, U=W.T, c=b[:, None]))


def test_weights_in_a_constant():
    text = """g (double[N, 2] x) => (double[N, 2] y)
        { W = Constant <value = double[2, 2] {1, 2, 3, 4}> () s = Constant <value_float = 0.5> ()
          d = Cast <to = 11> (s) m = MatMul(x, W) y = Mul(m, d) }"""
    check(parse(text), x=rng.normal(size=(4, 2)))


def test_normalisation():
    text = """g (double[N, 3] x) => (double[N, 2] y)
        { c = Sub(x, mean) z = Div(c, std) h = Gemm(z, W, b) a = Tanh(h) m = MatMul(a, V) s = Mul(m, scale)
          y = Add(s, shift) }"""
    model = parse(text, W=W, b=b, V=V, mean=np.array([1.0, 2.0, -3.0]), std=np.array([0.5, 2.0, 3.0]),
                  scale=np.array([10.0, 0.1]), shift=np.array([5.0, -7.0]))
    check(model)


def test_centre_far_away():
    # (x - mean)/std before the weights: the mean must not be folded into the bias.
    text = "g (double[N, 3] x) => (double[N, 5] y) { c = Sub(x, mean) z = Div(c, std) y = Gemm(z, W, b) }"
    mean, std = np.full(3, 1e8), np.full(3, 1e-3)
    net = fj.from_onnx(parse(text, W=W, b=b, mean=mean, std=std))
    x = mean + 1e-3 * POINTS
    np.testing.assert_allclose(net(x), (x - mean) / std @ W + b, rtol=1e-13, atol=1e-13)


NORMS = {
    "LayerNormalization": "n = LayerNormalization <epsilon = 0.25> (h, slope, shift)",
    "LayerNormalization without shift": "n = LayerNormalization(h, slope)",
    "LayerNormalization of axis 1": "n = LayerNormalization <axis = 1> (h, slope, shift)",
    "torch before version 17": (
        "m = ReduceMean <axes = [-1]> (h) d = Sub(h, m) q = Pow(d, two) v = ReduceMean <axes = [-1]> (q) "
        "e = Add(v, half) s = Sqrt(e) u = Div(d, s) w = Mul(u, slope) n = Add(w, shift)"),
    "product instead of power": (
        "m = ReduceMean <axes = [1]> (h) d = Sub(h, m) q = Mul(d, d) v = ReduceMean <axes = [1]> (q) "
        "e = Add(half, v) s = Sqrt(e) r = Reciprocal(s) u = Mul(r, d) n = Mul(u, slope)"),
    "sum instead of mean": (
        "m = ReduceMean <axes = [1]> (h) d = Sub(h, m) q = Mul(d, d) v = ReduceSum <keepdims = 1> (q, one) "
        "k = Div(v, six) e = Add(half, k) r = Pow(e, minus_half) u = Mul(d, r) n = Mul(u, slope)"),
    "torch's rms_norm": (
        "q = Pow(h, two) v = ReduceMean <axes = [-1]> (q) e = Add(v, half) s = Sqrt(e) r = Reciprocal(s) "
        "u = Mul(h, r) n = Mul(u, slope)"),
    "rms_norm as a quotient": (
        "q = Mul(h, h) v = ReduceMean <axes = [-1]> (q) e = Add(v, half) s = Sqrt(e) n = Div(h, s)"),
    "without epsilon": "q = Mul(h, h) v = ReduceMean <axes = [-1]> (q) s = Sqrt(v) n = Div(h, s)",
    "scaled": (
        "q = Mul(h, h) v = ReduceMean <axes = [-1]> (q) k = Mul(v, six) e = Add(k, half) s = Sqrt(e) "
        "t = Mul(s, two) n = Div(h, t)"),
    "the mean taken off": "m = ReduceMean <axes = [-1]> (h) n = Sub(h, m)",
}
NORM_CONSTANTS = (
    "double half = {0.5}, double two = {2}, double six = {6}, double minus_half = {-0.5}, int64[1] one = {1}")


@pytest.mark.parametrize("body", NORMS.values(), ids=NORMS)
@pytest.mark.parametrize("place", ["n", "a"])
def test_normalisation_over_the_units(body, place):
    """Between two layers, and of the inputs themselves."""
    constants = {"slope": np.array([0.1, 0.2, -0.3, 0.4, 0.5]), "shift": b}
    if place == "n":
        net = check(between_layers(f"{body} a = Tanh(n)", 17, NORM_CONSTANTS, **constants))
        assert net.widths in {(3, 5, 2), (3, 5, 5, 2)}
    else:
        body = re.sub(r"\bh\b", "x", body)
        text = f"g (double[N, 5] x) => (double[N, 2] y) <{NORM_CONSTANTS}> {{ {body} y = MatMul(n, V) }}"
        check(parse(text, 17, V=V, **constants), x=rng.normal(size=(4, 5)))


def test_rms_normalization():
    scale = np.array([0.1, 0.2, -0.3, 0.4, 0.5])
    net = fj.from_onnx(between_layers("a = RMSNormalization <epsilon = 0.25> (h, scale)", 23, scale=scale))

    def f(x):
        h = x @ W + b
        return (h / np.sqrt((h**2).mean(axis=1, keepdims=True) + 0.25) * scale) @ V

    y, J = net.value_and_jacobian(POINTS)
    np.testing.assert_allclose(y, f(POINTS), rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(J, differences(f, POINTS), rtol=0, atol=1e-9)


def test_normalisation_inside_a_skip():
    body = "n = LayerNormalization(h, slope, b) t = Tanh(n) m = MatMul(t, U) a = Add(m, h)"
    check(between_layers(body, 17, slope=np.array([0.1, 0.2, -0.3, 0.4, 0.5]), U=rng.normal(size=(5, 5))))


@pytest.mark.parametrize("operator, axes", [("ReduceMean", "axes = [-1], "), ("ReduceSum", "")])
@pytest.mark.parametrize("keepdims", [0, 1])
def test_one_output_of_all_units(operator, axes, keepdims):
    axes, one = ("axes = [-1], ", "") if operator == "ReduceMean" else ("", ", one")
    rank = "N, 1" if keepdims else "N"
    text = f"""g (double[N, 3] x) => (double[{rank}] y) <int64[1] one = {{1}}>
        {{ h = Gemm(x, W, b) a = Tanh(h) y = {operator} <{axes}keepdims = {keepdims}> (a{one}) }}"""
    assert check(parse(text, 17, W=W, b=b)).n_out == 1


@pytest.mark.parametrize("body, message", [
    ("y = ReduceMean <axes = [0]> (x)", "(ReduceMean): expected an axis of one point"),
    ("y = ReduceMean(x)", "(ReduceMean): expected axes with all 3 numbers of a point, got [0, 1] of (batch, 3)"),
    ("y = ReduceSum <noop_with_empty_axes = 1> (x)", "noop_with_empty_axes"),
    ("r = Reshape(x, shape) y = ReduceMean <axes = [2]> (r)", "got [2] of (batch, 3, 1, 1)"),
    ("y = LayerNormalization <axis = 0> (x, one)", "(LayerNormalization): expected an axis from which on"),
    ("y = LayerNormalization <axis = 2> (x, one)", "(LayerNormalization): expected an axis of the input, got 2"),
    ("q = Mul(x, x) m = ReduceMean <axes = [1]> (q) s = Sqrt(m) y = Mul(x, s)", "(Mul): expected two"),
    ("y = Sqrt(x)", "(Sqrt): expected it as a part of an activation (1/√(mean(h²) + ε))"),
    ("t = Tanh(x) m = ReduceMean <axes = [1]> (t) y = Sub(x, m)", "(Sub): expected two values of the shape (batch, 3)"),
    ("q = Mul(x, x) m = ReduceMean <axes = [1]> (q) s = Sqrt(m) t = Tanh(x) y = Div(t, s)", "(Div): expected two"),
])  # fmt: skip
def test_what_is_no_normalisation_is_named(body, message):
    constants = "double one = {1}, int64[4] shape = {-1, 3, 1, 1}"
    text = f"g (double[N, 3] x) => (double[N, M] y) <{constants}> {{ {body} }}"
    with pytest.raises(ModelFormatError, match=re.escape(message)):
        fj.from_onnx(parse(text, 17))


@pytest.mark.parametrize("opset", [14, 15])
def test_batch_normalization(opset):
    constants = {"scale": rng.normal(size=5), "shift": rng.normal(size=5), "mean": rng.normal(size=5),
                 "variance": rng.uniform(0.5, 2, 5)}
    body = "n = BatchNormalization <epsilon = 0.001> (h, scale, shift, mean, variance) a = Tanh(n)"
    check(between_layers(body, opset, **constants))
    text = "g (double[N, 5] x) => (double[N, 5] y) { y = BatchNormalization(x, scale, shift, mean, variance) }"
    check(parse(text, opset, **constants), x=rng.normal(size=(4, 5)))


def test_batch_normalization_before_version_14():
    """The evaluator takes these as training."""
    scale, shift, mean, variance = rng.uniform(0.5, 2, (4, 3))
    text = "g (double[N, 3] x) => (double[N, 3] y) { y = BatchNormalization(x, scale, shift, mean, variance) }"
    net = fj.from_onnx(parse(text, 9, scale=scale, shift=shift, mean=mean, variance=variance))
    expected = scale * (POINTS - mean) / np.sqrt(variance + np.float32(1e-5)) + shift
    np.testing.assert_allclose(net(POINTS), expected, rtol=1e-13, atol=1e-13)


def test_scaler_of_scikit_learn():
    text = """g (float[N, 3] x) => (float[N, 3] y)
        { y = ai.onnx.ml.Scaler <offset = [1.0, 2.0, 3.0], scale = [0.5, 2.0, 4.0]> (x) }"""
    x = POINTS.astype(np.float32)
    y, J = fj.from_onnx(parse(text)).value_and_jacobian(x)
    np.testing.assert_allclose(y, (x - [1, 2, 3]) * [0.5, 2, 4], rtol=1e-6)
    np.testing.assert_array_equal(J[0], np.diag([0.5, 2, 4]))


SKIPS = {
    "residual": "s = Gemm(h, U) t = Tanh(s) a = Add(h, t)",
    "residual, other order": "s = Gemm(h, U) t = Tanh(s) a = Add(t, h)",
    "difference": "s = Gemm(h, U) t = Tanh(s) a = Sub(h, t)",
    "difference, other order": "s = Gemm(h, U) t = Tanh(s) a = Sub(t, h)",
    "skip before the activation": "s = Gemm(h, U) t = Tanh(s) u = Gemm(t, U) v = Add(u, h) a = Relu(v)",
    "skip over several layers": "s = Tanh(h) t = Gemm(s, U) u = Tanh(t) v = Gemm(u, U) w = Add(s, v) a = Add(w, h)",
    "nested": "s = Tanh(h) t = Gemm(s, U) u = Add(t, s) v = Sin(u) a = Add(v, h)",
    "three branches": "s = Tanh(h) t = Gemm(h, U) u = Sin(t) v = Add(h, s) a = Add(v, u)",
    "projection": "s = Tanh(h) t = Gemm(s, U) u = Gemm(x, W) a = Add(t, u)",
    "convex in x": "s = Softplus(h) t = Gemm(s, U) u = Gemm(x, W) v = Add(t, u) w = Softplus(v) c = Gemm(w, U) "
                   "d = Gemm(x, W) a = Add(c, d)",
    "two curved branches": "s = Tanh(h) t = Gemm(s, U) u = Sin(x) v = Gemm(u, W) a = Add(t, v)",
    "two activations": "s = Tanh(h) t = Sin(h) a = Add(s, t)",
    "in a Gemm": "s = Tanh(h) a = Gemm <beta = 2.0> (s, U, h)",
    "Sum": "s = Tanh(h) t = Gemm(s, U) a = Sum(h, one, t, s)",
    "softmax": "s = Softmax(h) t = Gemm(s, U) a = Add(h, t)",
    "softmax before the sum": "t = Gemm(h, U) s = LogSoftmax(t) a = Add(s, h)",
    "twice the same": "s = Tanh(h) a = Add(s, s)",
    "a multiple": "s = Mul(h, two) a = Add(s, h)",
}


@pytest.mark.parametrize("body", SKIPS.values(), ids=SKIPS)
def test_skip(body):
    check(between_layers(body, constants="double one = {1}, double two = {2}", U=rng.normal(size=(5, 5)) / 2))


CONCATENATIONS = {
    "input and layer": "s = Tanh(h) a = Concat <axis = 1> (x, s)",
    "layer and input": "s = Tanh(h) a = Concat <axis = -1> (s, x)",
    "two layers": "s = Tanh(h) t = Gemm(x, W) u = Sin(t) a = Concat <axis = 1> (s, u)",
    "three": "s = Tanh(h) t = Cos(x) a = Concat <axis = 1> (t, x, s)",
    "linear": "a = Concat <axis = 1> (h, x)",
}


@pytest.mark.parametrize("body", CONCATENATIONS.values(), ids=CONCATENATIONS)
def test_concatenation(body):
    n = {"two layers": 10, "three": 11}.get(next(k for k, v in CONCATENATIONS.items() if v == body), 8)
    text = f"g (double[N, 3] x) => (double[N, 2] y) {{ h = Gemm(x, W, b) {body} y = MatMul(a, P) }}"
    check(parse(text, W=W, b=b, P=rng.normal(size=(n, 2))))


def test_probabilities_of_two_classes():
    # scikit-learn's binary classifier: Concat(1 - p, p).
    text = """g (double[N, 3] x) => (double[N, 2] y) <double one = {1}>
        { h = Gemm(x, W, b) a = Relu(h) m = MatMul(a, v) p = Sigmoid(m) q = Sub(one, p)
          y = Concat <axis = 1> (q, p) }"""
    check(parse(text, W=W, b=b, v=V[:, :1]))


# --- shapes ---------------------------------------------------------------------------------------------------

ARRANGEMENTS = {
    "Flatten": "f = Flatten(x)",
    "Flatten from the end": "f = Flatten <axis = -3> (x)",
    "Reshape": "f = Reshape(x, minus_twelve)",
    "Reshape, sizes copied": "f = Reshape(x, zero_minus)",
    "Reshape, one point": "f = Reshape(x, one_minus)",
    "shape computed, torch": "s = Shape(x) g = Gather(s, i) u = Unsqueeze(g, axes) c = Concat <axis = 0> (u, minus) "
                             "f = Reshape(x, c)",
    "shape computed, tensorflow": "s = Shape(x) c = Slice(s, axes, ends, axes) d = Concat <axis = 0> (c, twelve) "
                                  "f = Reshape(x, d)",
    "Squeeze": "s = Squeeze(x, first) f = Flatten(s)",
    "Squeeze and Unsqueeze": "s = Squeeze(x, first) u = Unsqueeze(s, last) f = Flatten(u)",
    "Transpose of a size 1": "t = Transpose <perm = [0, 2, 3, 1]> (x) f = Flatten(t)",
    "Transpose that moves": "t = Transpose <perm = [0, 1, 3, 2]> (x) f = Flatten(t)",
    "Identity, Dropout, Cast": "i0 = Identity(x) d = Dropout(i0) c = Cast <to = 11> (d) f = Flatten(c)",
}  # fmt: skip


@pytest.mark.parametrize("body", ARRANGEMENTS.values(), ids=ARRANGEMENTS)
def test_arrangement(body):
    text = f"g (double[N, 1, 3, 4] x) => (double[N, 2] y) {{ {body} y = MatMul(f, P) }}"
    constants = {"minus_twelve": [-1, 12], "zero_minus": [0, -1], "one_minus": [1, -1], "i": 0, "axes": [0],
                 "minus": [-1], "twelve": [12], "ends": [1], "first": [1], "last": [3]}
    model = parse(text, P=rng.normal(size=(12, 2)), **{k: np.array(v, np.int64) for k, v in constants.items()})
    used = {name for node in model.graph.node for name in node.input}
    kept = [tensor for tensor in model.graph.initializer if tensor.name in used]
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)
    check(model, x=rng.normal(size=(3, 12)))


def test_squeeze_and_unsqueeze_with_attributes():
    text = """g (double[N, 1, 3] x) => (double[N, 5] y)
        { s = Squeeze <axes = [1]> (x) u = Unsqueeze <axes = [1]> (s) t = Squeeze <axes = [1]> (u) y = MatMul(t, W) }"""
    check(parse(text, opset=11, W=W))


SELECTIONS = {
    "Gather": ("Gather <axis = 1> (x, indices)", 2),
    "Gather of one": ("Gather <axis = 1> (x, one)", None),
    "Slice": ("Slice(x, start, end, axis)", 2),
    "Slice backwards": ("Slice(x, last, beyond, axis, minus)", 3),
}


@pytest.mark.parametrize("text, n", SELECTIONS.values(), ids=SELECTIONS)
def test_selection(text, n):
    constants = {"indices": [2, -3], "one": 1, "start": [1], "end": [3], "axis": [1], "last": [-1],
                 "beyond": [-(2**31)], "minus": [-1]}
    constants = {k: np.array(v, np.int64) for k, v in constants.items()}
    check(parse(f"g (double[N, 3] x) => (double[N] y) {{ t = Tanh(x) y = {text.replace('x,', 't,')} }}", **constants))
    check(parse(f"g (double[N, 3] x) => (double[N] y) {{ t = {text} y = Tanh(t) }}", **constants))


@pytest.mark.parametrize("shape", ["3", "1, 3", "4, 3", "N, 3", "1, 1, 3"])
def test_shape_of_the_input(shape):
    model = parse(f"g (double[{shape}] x) => (double y) {{ m = MatMul(x, W) y = Tanh(m) }}", W=W)
    net = fj.from_onnx(model)
    assert (net.n_in, net.n_out) == (3, 5)
    np.testing.assert_allclose(net(POINTS), np.tanh(POINTS @ W), rtol=1e-13)


def test_reshape_with_a_fixed_number_of_points():
    text = "g (double[4, 1, 3] x) => (double[4, 5] y) { f = Reshape(x, shape) y = MatMul(f, W) }"
    assert fj.from_onnx(parse(text, W=W, shape=np.array([4, -1]))).n_in == 3
    text = "g (double[1, 3] x) => (double[5] y) { f = Reshape(x, shape) y = MatMul(f, W) }"
    assert fj.from_onnx(parse(text, W=W, shape=np.array([-1]))).n_out == 5


@pytest.mark.parametrize("operator", ["Softmax", "LogSoftmax"])
def test_softmax_before_version_13(operator):
    """The default axis was 1, and the input was seen as a matrix, which the evaluator does not do."""
    text = f"g (double[N, 3, 1] x) => (double[N, 3, 1] y) {{ y = {operator}(x) }}"
    y = np.exp(POINTS) / np.exp(POINTS).sum(axis=1, keepdims=True)
    expected = np.log(y) if operator == "LogSoftmax" else y
    np.testing.assert_allclose(fj.from_onnx(parse(text, opset=11))(POINTS), expected, rtol=1e-13)
    with pytest.raises(ModelFormatError, match="all 3 numbers of a point"):
        fj.from_onnx(parse(text, opset=13))


@pytest.mark.parametrize("opset", [7, 10])
def test_clip_with_attributes(opset):
    check(between_layers("a = Clip <min = -0.5, max = 0.25> (h)", opset))


# --- models, files and types -----------------------------------------------------------------------------------


def saved(tmp_path, model):
    path = tmp_path / "model.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def test_file_and_live_model_are_the_same(tmp_path):
    model = between_layers("a = Tanh(h)")
    live, file = fj.from_onnx(model), fj.from_onnx(saved(tmp_path, model))
    np.testing.assert_array_equal(live.jacobian(POINTS), file.jacobian(POINTS))

    class Program:  # as torch.onnx.export(..., dynamo=True) returns it
        model_proto = model

    np.testing.assert_array_equal(fj.from_onnx(Program()).jacobian(POINTS), live.jacobian(POINTS))


@pytest.mark.parametrize("stored", ["float", "double"])
@pytest.mark.parametrize("raw", [True, False])
def test_storage_and_type(tmp_path, stored, raw):
    elem_type = {"float": onnx.TensorProto.FLOAT, "double": onnx.TensorProto.DOUBLE}[stored]
    dtype = np.dtype(np.float32 if stored == "float" else np.float64)
    model = parse(f"g ({stored}[N, 3] x) => ({stored}[N, 5] y) {{ y = MatMul(x, W) }}")
    data = W.astype(dtype)
    model.graph.initializer.append(
        helper.make_tensor("W", elem_type, W.shape, data.tobytes() if raw else data.ravel(), raw))
    for source in (model, saved(tmp_path, model)):
        net = fj.from_onnx(source)
        assert net.dtype == dtype
        np.testing.assert_array_equal(net.jacobian(POINTS[0].astype(dtype)), data.T)
    assert fj.from_onnx(model, dtype=np.float64).dtype == np.float64


def test_two_outputs():
    text = """g (double[N, 3] x) => (double[N, 5] p, double[N, 5] q)
        { z = MatMul(x, W) q = Tanh(z) p = Softmax(z) label = ArgMax(p) }"""
    model = parse(text, W=W)
    with pytest.raises(ModelFormatError, match="expected one output, or output= to name one, got 'p', 'q'"):
        fj.from_onnx(model)
    np.testing.assert_allclose(fj.from_onnx(model, output="q")(POINTS), np.tanh(POINTS @ W), rtol=1e-13)
    np.testing.assert_allclose(fj.from_onnx(model, output="z")(POINTS), POINTS @ W, rtol=1e-13)
    with pytest.raises(ModelFormatError, match="expected an output of the graph, got 'r'; it has 'p', 'q'"):
        fj.from_onnx(model, output="r")


def test_two_inputs():
    model = parse("g (double[N, 3] x, double[N, 3] u) => (double[N, 5] y, double[N, 5] z)"
                  "{ y = MatMul(x, W) s = Add(x, u) z = MatMul(s, W) }", W=W)
    with pytest.raises(ModelFormatError, match="expected one input, or input= to name one, got 'x', 'u'"):
        fj.from_onnx(model, output="y")
    assert fj.from_onnx(model, input="x", output="y").n_in == 3
    with pytest.raises(ModelFormatError, match=r"\(Add\): expected values that depend on 'x' only, got the input 'u'"):
        fj.from_onnx(model, input="x", output="z")


def test_initializers_among_the_inputs():
    """As before version 4 of the format."""
    model = parse("g (double[N, 3] x, double[3, 5] W) => (double[N, 5] y) { y = MatMul(x, W) }", W=W)
    assert fj.from_onnx(model).n_out == 5


REFUSED = {
    "operator": ("a = Sinh(h)", r"node 1 \(Sinh\): expected an operator of a feed-forward network .* got Sinh"),
    "named": ('["deep/one"] a = Floor(h)', r"node 'deep/one' \(Floor\)"),
    "domain": ("a = com.microsoft.FusedThing(h)", r"\(com.microsoft.FusedThing\)"),
    "Log alone": ("a = Log(h)", r"node 1 \(Log\): expected it as a part of an activation"),
    "Sqrt alone": ("q = Mul(h, h) s = Add(q, one) a = Sqrt(s)", r"node 3 \(Sqrt\): expected it as a part"),
    "cube": ("q = Mul(h, h) a = Mul(h, q)", r"node 2 \(Mul\): expected it as a part of an activation"),
    "comparison": ("c = Greater(h, one) a = Cast <to = 11> (c)", r"node 2 \(Cast\): expected a conversion to float"),
    "product": ("s = Tanh(h) t = Sin(h) a = Mul(s, t)", r"node 3 \(Mul\): expected a constant factor"),
    "quotient": ("s = Tanh(h) t = Exp(h) a = Div(s, t)", r"node 3 \(Div\)"),
    "product of matrices": ("t = Transpose(h) m = MatMul(t, h) a = MatMul(h, m)",
                            r"node 2 \(MatMul\): expected a constant matrix, got two values"),
    "power": ("a = Pow(h, three)", r"node 1 \(Pow\): expected it as a part"),
    "power that is no integer": ("a = Pow(h, half)", r"node 1 \(Pow\): expected the exponent 1 or 2, got 0.25"),
    "division by zero": ("a = Div(h, zero)", r"node 1 \(Div\): expected divisors other than 0"),
    "where": ("c = Greater(h, one) s = Sin(h) a = Where(c, h, s)", r"node 3 \(Where\): expected a Where that spells"),
    "where with a jump elsewhere": ("c = GreaterOrEqual(h, one) a = Where(c, h, zero)", r"node 2 \(Where\)"),
    "where with a number": ("c = Greater(h, one) a = Where(c, h, one)", r"node 2 \(Where\): .* or 0"),
    "shrink": ("a = Shrink <lambd = 0.5, bias = 0.25> (h)", r"node 1 \(Shrink\): expected bias 0 or equal to lambd"),
    "sum of what is apart": ("r = ReduceSum(h) a = Add(h, r)", r"node 1 \(ReduceSum\)"),
    "axis of the points": ("a = Softmax <axis = 0> (h)", r"node 1 \(Softmax\): expected an axis with all 5 numbers"),
    "gathered points": ("a = Gather <axis = 0> (h, index)", r"node 1 \(Gather\): expected an axis of one point"),
    "points mixed": ("a = Reshape(h, mixed)", r"node 1 \(Reshape\): expected a shape that keeps the 5 numbers"),
    "shape of a constant": ("a = Add(h, three_numbers)", r"node 1 \(Add\): expected a constant for the shape "
                                                         r"\(batch, 5\), got shape \(3,\)"),
    "constant that adds axes": ("a = Add(h, column)", r"node 1 \(Add\): expected a constant for the shape"),
    "weights of another size": ("a = MatMul(h, wrong)",
                                r"node 1 \(MatMul\): expected weights for 5 inputs .* \(4, 4\)"),
    "second output": ("d, a = Dropout(h)", r"node 1 \(Dropout\): expected its first output, got 'a'"),
    "training": ("a = Dropout(h, half, yes)", r"node 1 \(Dropout\): expected evaluation mode"),
    "training of norms": ("a = BatchNormalization <training_mode = 1> (h, five, five, five, five)",
                          r"node 1 \(BatchNormalization\): expected evaluation mode"),
    "dynamic shape": ("s = Shape(h) t = Mul(s, s) a = Reshape(h, t)", r"node 2 \(Mul\)"),
    "missing": ("a = Add(h, nowhere)", r"node 1 \(Add\): expected a node or an initializer that gives 'nowhere'"),
    "type": ("a = Cast <to = 10> (h)", r"node 1 \(Cast\): expected a conversion to float or double, got to float16"),
    "infinite weights": ("a = MatMul(h, infinite)", r"node 1 \(MatMul\): W: expected finite numbers"),
    "attribute": ("a = Gelu <approximate = \"some\"> (h)", r"node 1 \(Gelu\): expected approximate"),
    "constant network": ("a = Mul(five, five)",
                         r"node 2 \(MatMul\): expected an input that depends on the network's input, got constants"),
}  # fmt: skip


@pytest.mark.parametrize("body, message", REFUSED.values(), ids=REFUSED)
def test_refused(body, message):
    arrays = {
        "one": 1.0, "zero": 0.0, "half": 0.25, "three": 3.0, "five": np.ones(5), "three_numbers": np.ones(3),
        "column": np.ones((5, 1)), "wrong": np.ones((4, 4)), "infinite": np.full((5, 5), np.inf),
        "index": np.array(0), "mixed": np.array([5, -1]), "yes": np.array(True),
    }  # fmt: skip
    model = between_layers(body, **arrays)
    with pytest.raises(ModelFormatError, match=message):
        fj.from_onnx(model)


def test_bfloat16_weights_are_refused_by_name():
    """Case 90."""
    model = parse("g (float[N, 2] x) => (float[N, 2] y) { y = MatMul(x, W) }")
    model.graph.initializer.append(helper.make_tensor("W", onnx.TensorProto.BFLOAT16, (2, 2), np.ones(4)))
    with pytest.raises(ModelFormatError, match="initializer 'W': expected float, .* got bfloat16"):
        fj.from_onnx(model)


def test_cycle():
    with pytest.raises(ModelFormatError, match="without cycles, got one through"):
        fj.from_onnx(between_layers("s = Add(t, h) t = Tanh(s) a = Add(s, t)"))


def test_two_nodes_of_one_name():
    """Case 88."""
    with pytest.raises(ModelFormatError, match="expected one value 'a', got two"):
        fj.from_onnx(between_layers("a = Tanh(h) a = Sin(h)"))
    model = between_layers("a = Tanh(h)")
    model.graph.initializer.append(model.graph.initializer[0])
    with pytest.raises(ModelFormatError, match="expected one initializer 'W', got two"):
        fj.from_onnx(model)


@pytest.mark.parametrize("opset", [6, 29])
def test_version_of_the_operators(opset):
    """Case 89."""
    model = between_layers("a = Tanh(h)")
    model.opset_import[0].version = opset
    with pytest.raises(ModelFormatError, match=rf"\(opset\) from 7 to 28, got {opset}"):
        fj.from_onnx(model)


def test_external_data_are_refused(tmp_path):
    """Case 93."""
    model = between_layers("a = Tanh(h)")
    tensor = model.graph.initializer[0]
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")
    for source in (model, saved(tmp_path, model)):
        with pytest.raises(ModelFormatError, match="initializer 'W': expected the numbers in the file, got external"):
            fj.from_onnx(source)


@pytest.mark.parametrize("sizes", ["N, M", "N, 2147483648", "N, 0"])
def test_number_of_inputs_must_be_known_and_believable(sizes):
    with pytest.raises(ModelFormatError, match="input 'x': expected the shape"):
        fj.from_onnx(parse(f"g (double[{sizes}] x) => (double[{sizes}] y) {{ y = Tanh(x) }}"))


def test_type_of_the_input():
    with pytest.raises(ModelFormatError, match="input 'x': expected float or double, got int64"):
        fj.from_onnx(parse("g (int64[N, 3] x) => (double[N, 3] y) { y = Cast <to = 11> (x) }"))


def test_functions_of_the_model_are_refused():
    model = between_layers("a = Tanh(h)")
    model.functions.add(name="f", domain="own")
    with pytest.raises(ModelFormatError, match="without functions of its own"):
        fj.from_onnx(model)


@pytest.mark.parametrize("model", [None, 3, np.ones(3), b"bytes"])
def test_what_is_no_model(model):
    with pytest.raises(TypeError, match="expected a path or an onnx.ModelProto, got"):
        fj.from_onnx(model)


def test_file_that_cannot_be_opened(tmp_path):
    """Case 92."""
    with pytest.raises(FileNotFoundError):
        fj.from_onnx(tmp_path / "missing.onnx")
    with pytest.raises(IsADirectoryError if os.name == "posix" else PermissionError):
        fj.from_onnx(tmp_path)


def test_truncation_at_every_byte(tmp_path):
    """Case 81."""
    model = between_layers("a = Tanh(h)")
    data = saved(tmp_path, model).read_bytes()
    path = tmp_path / "cut.onnx"
    J = fj.from_onnx(model).jacobian(POINTS)
    for n in range(len(data)):
        path.write_bytes(data[:n])
        try:
            net = fj.from_onnx(path)
        except ModelFormatError as error:
            message = str(error)
        else:  # only the version of operators that it does not use is gone
            message = str(path)
            assert len(data) - n < 20
            np.testing.assert_array_equal(net.jacobian(POINTS), J)
        assert message.startswith(str(path))


def test_each_byte_changed(tmp_path):
    """Case 82."""
    model = between_layers("s = Sigmoid(h) a = Mul(h, s)")
    data = saved(tmp_path, model).read_bytes()
    path = tmp_path / "changed.onnx"
    read = 0
    for i in range(len(data)):
        for mask in (1, 0x80, 0xFF):
            path.write_bytes(data[:i] + bytes([data[i] ^ mask]) + data[i + 1 :])
            try:
                net = fj.from_onnx(path)
            except ModelFormatError:
                continue
            read += 1
            assert all(np.isfinite(layer.W).all() for layer in net.layers if hasattr(layer, "W"))
    assert read  # bytes of the weights


@pytest.mark.parametrize("dims", [(2**40, 2**40), (3, 2**62), (2**31, 2)])
def test_huge_shape_with_little_data(tmp_path, dims):
    """Cases 84 and 86."""
    model = parse("g (double[N, 3] x) => (double[N, 5] y) { y = MatMul(x, W) }", W=W)
    model.graph.initializer[0].dims[:] = dims
    path = saved(tmp_path, model)
    tracemalloc.start()
    with pytest.raises(ModelFormatError, match="bytes for shape"):
        fj.from_onnx(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2 * path.stat().st_size + 10 * 2**20


def test_negative_dimension():
    """Case 86."""
    model = parse("g (double[N, 3] x) => (double[N, 5] y) { y = MatMul(x, W) }", W=W)
    model.graph.initializer[0].dims[:] = (-3, -5)
    with pytest.raises(ModelFormatError, match=r"sizes >= 0, got \(-3, -5\)"):
        fj.from_onnx(model)




def test_constants_that_grow(tmp_path):
    """Case 85, as far as there is one here: a few numbers, broadcast against each other."""
    column, row = np.ones((2000, 1)), np.ones((1, 2000))
    model = between_layers("c = Add(column, row) a = Add(h, c)", column=column, row=row)
    with pytest.raises(ModelFormatError, match=r"\(Add\): expected a constant of at most"):
        fj.from_onnx(saved(tmp_path, model))


@pytest.mark.parametrize("body", [
    "n = Neg(x) y = Tanh(n)",
    "y = Tanh(x)",
    "t = MatMul(x, column) u = MatMul(t, row) v = Tanh(u) y = Sin(v)",
    "t = MatMul(x, column) u = Tanh(t) v = MatMul(u, row) y = Add(v, x)",
    "t = MatMul(x, column) u = Tanh(t) v = MatMul(u, row) w = Sin(t) z = MatMul(w, row) y = Add(v, z)",
    "t = Tanh(x) y = Add(x, t)",
    "y = LayerNormalization(x, one)",
    "t = MatMul(x, column) u = MatMul(t, row) v = Tanh(u) y = LayerNormalization(v, one)",
    "t = Relu(x) y = Mul(t, two)",
])  # fmt: skip
def test_layers_that_grow(tmp_path, body):
    """What has no weights of its own is as wide as a file merely says, or as one vector is long."""
    n = 2**19
    text = f"g (double[N, {n}] x) => (double[N, M] y) <double two = {{2}}> {{ {body} }}"
    model = parse(text, 17, column=np.ones((n, 1), "f4"), row=np.ones((1, n), "f4"), one=np.ones(n, "f4"))
    path = saved(tmp_path, model)
    tracemalloc.start()
    try:
        with pytest.raises(ModelFormatError, match="expected layers with at most|expected at most 4194304 entries"):
            fj.from_onnx(path)
        assert tracemalloc.get_traced_memory()[1] < 2**27
    finally:
        tracemalloc.stop()


def test_sums_of_sums_stay_small():
    names = [f"s{k}" for k in range(42)]  # each the sum of the two before it
    body = "".join(f"{c} = Sin({b}) {d} = Add({c}, {a}) " for a, b, c, d in zip(
        names, names[1:], (f"t{k}" for k in range(40)), names[2:]))
    model = between_layers(f"s0 = Tanh(h) s1 = Sin(s0) {body} a = Tanh(s41)")
    with pytest.raises(ModelFormatError, match=r"\(Add\): expected at most 4000 steps"):
        fj.from_onnx(model)


def test_operators_have_no_newer_version():
    """Each operator has the same meaning in all versions from OLDEST to NEWEST, or its rule asks for the version."""
    latest = {  # the latest version that the rules were written for
        "Relu": 14, "LeakyRelu": 16, "PRelu": 16, "Elu": 22, "Selu": 22, "Celu": 28, "ThresholdedRelu": 22,
        "Tanh": 13, "Sigmoid": 13, "HardSigmoid": 22, "HardSwish": 22, "Softplus": 22, "Softsign": 22, "Gelu": 20,
        "Mish": 22, "Swish": 24, "Shrink": 9, "Softmax": 13, "LogSoftmax": 13, "Exp": 13, "Log": 13, "Sqrt": 13,
        "Reciprocal": 13, "Sign": 13, "Sin": 22, "Cos": 22, "Atan": 22, "Erf": 13, "Abs": 13, "Neg": 13, "Pow": 15,
        "Clip": 13, "Max": 13, "Min": 13, "Add": 14, "Sub": 14, "Mul": 14, "Div": 14, "Sum": 13, "Greater": 13,
        "GreaterOrEqual": 16, "Less": 13, "LessOrEqual": 16, "Not": 1, "Or": 7, "Where": 16, "MatMul": 13, "Gemm": 13,
        "BatchNormalization": 15, "LayerNormalization": 17, "RMSNormalization": 23, "ReduceMean": 18, "ReduceSum": 13,
        "Identity": 25, "Dropout": 22, "Cast": 28, "Reshape": 25, "Flatten": 25,
        "Squeeze": 25, "Unsqueeze": 25, "Transpose": 25, "Gather": 13, "Slice": 13, "Concat": 13, "Shape": 25,
    }  # fmt: skip
    assert latest.keys() == {name for name in OPERATOR_RULES if "." not in name}
    newest = min(NEWEST, onnx.defs.onnx_opset_version())
    for name, version in latest.items():
        if onnx.defs.has(name, ""):
            assert onnx.defs.get_schema(name, newest, "").since_version <= version, name


def test_page_runs():
    page = Path(__file__).parents[1] / "docs" / "from-onnx.md"
    if not page.exists():
        pytest.skip("needs the sources beside the tests")
    exec("".join(re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S)), {})


def test_page_lists_every_operator():
    page = Path(__file__).parents[1] / "docs" / "from-onnx.md"
    if not page.exists():
        pytest.skip("needs the sources beside the tests")
    text = page.read_text(encoding="utf-8")
    hidden = {"GreaterOrEqual", "LessOrEqual", "Not", "Or"}  # the dots behind Where
    names = [name.split(".")[-1] for name in OPERATOR_RULES if name not in hidden]
    assert not [name for name in names if not re.search(rf"\b{name}\b", text)]


def test_deep_graph_is_no_recursion():
    body = "".join(f"t{i + 1} = Identity({'h' if i == 0 else f't{i}'}) " for i in range(3000)) + "a = Tanh(t3000)"
    assert fj.from_onnx(between_layers(body)).n_out == 2


# --- names ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n, names", [(1, ("temperature",)), (3, None)])
def test_name_of_an_input_of_one_unit(n, names):
    model = parse(f"g (double[N, {n}] temperature) => (double[N, 5] y) {{ y = MatMul(temperature, W) }}", W=W[:n])
    assert fj.from_onnx(model).names_in == names
