"""from_equinox on objects with the attributes of Equinox's modules, each against its formula in NumPy."""

from functools import partial

import numpy as np
import pytest
from standins import assert_agrees, jacobian_by_complex_step, standin

import fastjac as fj
from fastjac import ModelFormatError

rng = np.random.default_rng(0)
X = rng.normal(size=3)
W1, b1, W2, b2 = rng.normal(size=(3, 4)), rng.normal(size=4), rng.normal(size=(4, 2)), rng.normal(size=2)


def module(name, bases=(), **attributes):
    return standin(f"equinox.nn.{name}", bases, methods=("__call__",), **attributes)


def function(name, module="jax.nn"):
    def activation(x, **options):
        return 0 * x

    activation.__name__, activation.__module__ = name, module
    return activation


def linear(W, b=None):
    return module("Linear", weight=W.T, bias=b)


def perceptron(activation, final=lambda x: x, layers=None, **changes):
    layers = layers or (linear(W1, b1), linear(W2, b2))
    return module("MLP", layers=layers, activation=activation, final_activation=final, **changes)


def around(*layers):
    return module("Sequential", layers=(linear(W1, b1), *layers, linear(W2, b2)))


def check(model, f, x=X):
    assert_agrees(fj.from_equinox(model), x, f(x), jacobian_by_complex_step(f, x))


def prelu(slope):
    return lambda h: np.where(h.real > 0, h, slope * h)


def gelu_tanh(h):
    return h / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (h + 0.044715 * h**3)))


SLOPES = np.array([0.1, -0.2, 0.3, 0.0])


@pytest.mark.parametrize("weight, bias", [(SLOPES, b1), (SLOPES, None), (None, None)])
def test_norms(weight, bias):
    def scaled(h):
        return h * (1 if weight is None else weight) + (0 if bias is None else bias)

    norm = module("LayerNorm", shape=(4,), eps=0.5, weight=weight, bias=bias)
    check(around(norm), lambda x: scaled((h := x @ W1 + b1 - (x @ W1 + b1).mean()) / np.sqrt((h**2).mean() + 0.5))
          @ W2 + b2)
    norm = module("RMSNorm", shape=(4,), eps=0.5, weight=weight, bias=bias)
    check(around(norm), lambda x: scaled((h := x @ W1 + b1) / np.sqrt((h**2).mean() + 0.5)) @ W2 + b2)


@pytest.mark.parametrize(
    "activation, f",
    [
        (function("tanh", "jax.numpy"), np.tanh),
        (function("leaky_relu"), prelu(0.01)),
        (partial(function("leaky_relu"), negative_slope=0.3), prelu(0.3)),
        # Approximate by default, in JAX.
        (function("gelu"), gelu_tanh),
        (partial(function("gelu"), approximate=True), gelu_tanh),
        (module("PReLU", negative_slope=SLOPES), prelu(SLOPES)),
        (module("PReLU", negative_slope=np.array(0.3)), prelu(0.3)),
        (lambda x: x, lambda h: h),
    ],
)
def test_perceptron(activation, f):
    check(perceptron(activation, function("exp", "jax.numpy")), lambda x: np.exp(f(x @ W1 + b1) @ W2 + b2))
    check(around(module("Lambda", fn=activation)), lambda x: f(x @ W1 + b1) @ W2 + b2)


def test_exact_gelu():
    net = fj.from_equinox(perceptron(partial(function("gelu"), approximate=False)))
    assert {layer.activation for layer in net.layers} == {"gelu", "identity"}


def test_slopes_of_each_layer():
    slopes = np.stack([SLOPES, -SLOPES])
    V = W1[:, :1] * np.ones((1, 4))
    model = perceptron(module("PReLU", negative_slope=slopes), layers=(linear(W1), linear(V.T @ W1), linear(W2)))
    check(model, lambda x: prelu(-SLOPES)(prelu(SLOPES)(x @ W1) @ V.T @ W1) @ W2)


def test_last_activation_needs_a_hidden_layer():
    check(perceptron(function("tanh"), function("tanh"), layers=(linear(W1, b1),)), lambda x: x @ W1 + b1)


IDLE = [module("Identity"), module("Dropout", p=0.5, inference=True), module("Dropout", p=0, inference=False)]


@pytest.mark.parametrize("child", IDLE)
def test_idle_modules(child):
    check(around(child), lambda x: (x @ W1 + b1) @ W2 + b2)


@pytest.mark.parametrize(
    "child, words",
    [
        (module("GroupNorm"), ["'[1]'", "GroupNorm", "MLP"]),
        (module("LayerNorm", shape=(2, 2)), ["'[1]' (LayerNorm)", "(2, 2)"]),
        (module("Dropout", p=0.5, inference=False), ["'[1]' (Dropout)", "inference"]),
        (module("Lambda", fn=lambda x: 2 * x), ["'[1]' (Lambda)", "function of JAX", "<lambda>"]),
        (module("Lambda", fn=function("tanh", "mine")), ["mine: tanh"]),
        (module("Lambda", fn=function("glu")), ["jax: glu"]),
        (module("Lambda", fn=partial(function("elu"), beta=1)), ["beta"]),
        (module("Lambda", fn=partial(function("softmax"), axis=1)), ["axis=-1", "{'axis': 1}"]),
        (perceptron(function("softmax")), ["'[1]' (MLP)", "one unit", "softmax"]),
        (perceptron(function("tanh"), function("log_softmax")), ["'[1]' (MLP)", "one unit", "softmax"]),
        (perceptron(function("tanh"), scan=True), ["'[1]' (MLP)", "scan"]),
        (module("Linear", weight=np.ones((2, 3, 4)), bias=None), ["'[1]' (Linear)", "(2, 3, 4)"]),
        (standin("mine.Own", (linear(W1),), methods=("__call__",)), ["'[1]'", "Own", "its own __call__"]),
        (3, ["equinox", "int"]),
    ],
)
def test_what_cannot_be_read_is_named(child, words):
    with pytest.raises(ModelFormatError) as caught:
        fj.from_equinox(around(child))
    for word in ("from_equinox", *words):
        assert word in str(caught.value)
