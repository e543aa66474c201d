"""from_keras on objects with the attributes of Keras 3, each against its formula in NumPy."""

from types import SimpleNamespace

import numpy as np
import pytest
from standins import assert_agrees, jacobian_by_complex_step, standin

import fastjac as fj
from fastjac import ModelFormatError

rng = np.random.default_rng(0)
X = rng.normal(size=3)
W1, b1, W2, b2 = rng.normal(size=(3, 4)), rng.normal(size=4), rng.normal(size=(4, 2)), rng.normal(size=2)


def layer(cls, kind="layers.core", bases=(), **attributes):
    attributes = {"name": cls.lower()} | attributes
    return standin(f"keras.src.{kind}.{cls}", bases, methods=("call", "__call__"), **attributes)


def function(name, module="keras.src.activations.activations"):
    def activation(x):
        return x

    activation.__name__, activation.__module__ = name, module
    return activation


def dense(W, b=None, activation=None, **changes):
    return layer("Dense", **{"kernel": W, "bias": b, "activation": activation, "built": True} | changes)


def sequential(*layers, shape=(None, 3)):
    return layer("Sequential", "models", layers=list(layers), inputs=[np.empty([1, *shape[1:]])])


def around(*layers):
    return sequential(dense(W1, b1), *layers, dense(W2, b2))


def functional(*layers):
    """A functional model in which the layers follow each other."""
    first = tensor = SimpleNamespace(shape=(None, 3))
    for one in layers:
        one._inbound_nodes = [*getattr(one, "_inbound_nodes", []), SimpleNamespace(input_tensors=[tensor])]
        tensor = SimpleNamespace(_keras_history=(one, len(one._inbound_nodes) - 1, 0))
    return layer("Functional", "models", inputs=[first], outputs=[tensor])


def check(model, f, x=X):
    assert_agrees(fj.from_keras(model), x, f(x), jacobian_by_complex_step(f, x))


def below(slope):
    return lambda h: np.where(h.real > 0, h, slope(h) if callable(slope) else slope * h)


def sigmoid(h):
    return 1 / (1 + np.exp(-h))


SLOPES = np.array([0.1, -0.2, 0.3, 0.0])
VARIANCE = np.array([1.0, 4.0, 1e-20, 9.0])
DEVIATION = np.array([1.0, 2.0, 1e-7, 3.0])
LAYERS = {
    "LeakyReLU": (layer("LeakyReLU", negative_slope=0.3), below(0.3)),
    "ReLU": (layer("ReLU", negative_slope=0, max_value=None, threshold=0), below(0)),
    "ReLU with a slope": (layer("ReLU", negative_slope=0.4, max_value=None, threshold=0), below(0.4)),
    "ReLU with a top": (layer("ReLU", negative_slope=0, max_value=0.7, threshold=0),
                        lambda h: np.where(h.real > 0.7, 0.7, np.where(h.real > 0, h, 0))),
    "ReLU with a threshold": (layer("ReLU", negative_slope=0, max_value=None, threshold=0.7),
                              lambda h: np.where(h.real > 0.7, h, 0)),
    "PReLU": (layer("PReLU", alpha=SLOPES), below(SLOPES)),
    "ELU": (layer("ELU", alpha=0.4), below(lambda h: 0.4 * np.expm1(h))),
    "Softmax": (layer("Softmax", axis=-1), lambda h: np.exp(h) / np.exp(h).sum()),
    "Activation": (layer("Activation", activation=function("sigmoid")), sigmoid),
    "Rescaling": (layer("Rescaling", scale=2, offset=-1), lambda h: 2 * h - 1),
    "Rescaling of each unit": (layer("Rescaling", scale=[1, 2, 3, 4], offset=0.5), lambda h: h * np.arange(1, 5) + 0.5),
    "Normalization": (layer("Normalization", mean=b1[None], variance=VARIANCE[None], invert=False),
                      lambda h: (h - b1) / DEVIATION),
    "Normalization, inverse": (layer("Normalization", mean=b1[None], variance=VARIANCE[None], invert=True),
                               lambda h: h * DEVIATION + b1),
    "BatchNormalization": (
        layer("BatchNormalization", moving_mean=b1, moving_variance=VARIANCE, epsilon=0.5, gamma=SLOPES, beta=-b1),
        lambda h: (h - b1) / np.sqrt(VARIANCE + 0.5) * SLOPES - b1,
    ),
    "BatchNormalization without weights": (
        layer("BatchNormalization", moving_mean=b1, moving_variance=VARIANCE, epsilon=0.5, gamma=None, beta=None),
        lambda h: (h - b1) / np.sqrt(VARIANCE + 0.5),
    ),
    "LayerNormalization": (layer("LayerNormalization", axis=-1, epsilon=0.5, gamma=SLOPES, beta=b1),
                           lambda h: (h - h.mean()) / np.sqrt(((h - h.mean()) ** 2).mean() + 0.5) * SLOPES + b1),
    "LayerNormalization without weights": (
        layer("LayerNormalization", axis=[1], epsilon=0.5, gamma=None, beta=None),
        lambda h: (h - h.mean()) / np.sqrt(((h - h.mean()) ** 2).mean() + 0.5)),
    "RMSNormalization": (layer("RMSNormalization", axis=-1, epsilon=0.5, scale=SLOPES),
                         lambda h: h / np.sqrt((h**2).mean() + 0.5) * SLOPES),
    "Dropout": (layer("Dropout", rate=0.5), lambda h: h),
    "Flatten": (layer("Flatten"), lambda h: h),
}


@pytest.mark.parametrize("name", LAYERS)
def test_layers(name):
    one, f = LAYERS[name]
    check(around(one), lambda x: f(x @ W1 + b1) @ W2 + b2)


@pytest.mark.parametrize(
    "activation, f",
    [
        (None, lambda h: h),
        (function("linear"), lambda h: h),
        (function("tanh"), np.tanh),
        # Not the slope of the layer LeakyReLU.
        (function("leaky_relu"), below(0.2)),
        (layer("LeakyReLU", negative_slope=0.3), below(0.3)),
        (function("exponential"), np.exp),
        (function("hard_silu"), lambda h: h * np.where(h.real > 3, 6, np.where(h.real > -3, h + 3, 0)) / 6),
    ],
)
def test_activation_of_a_dense_layer(activation, f):
    check(sequential(dense(W1, b1, activation), dense(W2)), lambda x: f(x @ W1 + b1) @ W2)


def test_nested_models():
    inner = functional(layer("InputLayer"), sequential(dense(W1, b1, function("tanh"))))
    check(sequential(inner, layer("Dropout"), dense(W2, b2)), lambda x: np.tanh(x @ W1 + b1) @ W2 + b2)


def test_layer_that_is_used_twice():
    again = dense(W1[:, :3], None, function("tanh"))
    V = W1[:, :3]
    check(functional(again, dense(W1[:, 1:], b1[1:]), again),
          lambda x: np.tanh((np.tanh(x @ V) @ W1[:, 1:] + b1[1:]) @ V))


def test_flattened_points():
    check(sequential(layer("Rescaling", scale=1 / 255, offset=0), layer("Flatten"), dense(W1, b1), shape=(None, 3, 1)),
          lambda x: x / 255 @ W1 + b1)


def test_one_layer():
    check(dense(W1, b1), lambda x: x @ W1 + b1)


def call(one, *tensors):
    """The tensor that a layer makes of others."""
    one._inbound_nodes = [*getattr(one, "_inbound_nodes", []), SimpleNamespace(input_tensors=list(tensors))]
    return SimpleNamespace(_keras_history=(one, len(one._inbound_nodes) - 1, 0))


def joined(name, *branches, package="layers.merging", shape=(None, 3), **attributes):
    """A functional model with one layer on each branch; None is the input itself."""
    x = SimpleNamespace(shape=shape)
    tensors = [x if one is None else call(one, x) for one in branches]
    return layer("Functional", "models", inputs=[x], outputs=[call(layer(name, package, **attributes), *tensors)])


def norm(name="LayerNormalization", **changes):
    return layer(name, **{"axis": -1, "epsilon": 0.5, "gamma": SLOPES, "beta": b1} | changes)


V = rng.normal(size=(3, 3))
TANH = function("tanh")
JOINED = {
    "residual": (joined("Add", None, dense(V, b1[:3], TANH)), lambda x: x + np.tanh(x @ V + b1[:3])),
    "residual, other order": (joined("Add", dense(V, None, TANH), None), lambda x: x + np.tanh(x @ V)),
    "projection": (joined("Add", dense(W1, b1), dense(W1, -b1, TANH)), lambda x: x @ W1 + b1 + np.tanh(x @ W1 - b1)),
    "two curved branches": (joined("Add", dense(W1, b1, function("sigmoid")), dense(W1, -b1, TANH)),
                            lambda x: sigmoid(x @ W1 + b1) + np.tanh(x @ W1 - b1)),
    "two linear branches": (joined("Add", dense(W1, b1), dense(2 * W1)), lambda x: 3 * x @ W1 + b1),
    "three branches": (joined("Add", None, dense(V, None, TANH), dense(V, None, function("silu"))),
                       lambda x: x + np.tanh(x @ V) + x @ V * sigmoid(x @ V)),
    "twice the same": (joined("Add", None, None), lambda x: 2 * x),
    "operation": (joined("Add", None, dense(V, None, TANH), package="ops.numpy"), lambda x: x + np.tanh(x @ V)),
    "difference": (joined("Subtract", dense(V, None, TANH), None), lambda x: np.tanh(x @ V) - x),
    "difference, other order": (joined("Subtract", None, dense(V, None, TANH)), lambda x: x - np.tanh(x @ V)),
    "mean": (joined("Average", None, dense(V, None, TANH), dense(V)), lambda x: (x + np.tanh(x @ V) + x @ V) / 3),
    "beside the input": (joined("Concatenate", None, dense(W1, b1, TANH), axis=-1),
                         lambda x: np.concatenate([x, np.tanh(x @ W1 + b1)])),
    "beside each other": (joined("Concatenate", dense(W1, b1, TANH), dense(V, None, TANH), None, axis=1),
                          lambda x: np.concatenate([np.tanh(x @ W1 + b1), np.tanh(x @ V), x])),
}


@pytest.mark.parametrize("name", JOINED)
def test_branches_that_meet(name):
    model, f = JOINED[name]
    n = len(f(X))
    check(model, f)
    last = rng.normal(size=(n, 2))
    check(sequential(model, dense(last, b2)), lambda x: f(x) @ last + b2)
    check(sequential(dense(V, b1[:3]), model, dense(last, b2)), lambda x: f(x @ V + b1[:3]) @ last + b2)


def test_skips_within_skips():
    first, second, third = (dense(V * factor, b1[:3], TANH) for factor in (1, 2, 3))
    x = SimpleNamespace(shape=(None, 3))
    h = call(first, x)
    inner = call(layer("Add"), h, call(second, h))
    outer = call(layer("Add"), x, call(third, inner), inner)

    def f(x):
        h = np.tanh(x @ V + b1[:3])
        inner = h + np.tanh(2 * h @ V + b1[:3])
        return x + np.tanh(3 * inner @ V + b1[:3]) + inner

    check(layer("Functional", "models", inputs=[x], outputs=[outer]), f)


def test_dtype_of_a_skip_is_that_of_the_weights():
    single = W1.astype("f4")
    model = joined("Add", dense(single, b1.astype("f4"), TANH), dense(single))
    assert fj.from_keras(model).dtype == np.float32
    assert fj.from_keras(model, dtype="float64").dtype == np.float64


def test_a_ring_of_layers():
    x, one = SimpleNamespace(shape=(None, 3)), dense(V)
    tensor = call(one, x)
    one._inbound_nodes[0].input_tensors = [tensor]
    with pytest.raises(ModelFormatError, match="a ring"):
        fj.from_keras(layer("Functional", "models", inputs=[x], outputs=[tensor]))


def test_sums_of_sums_stay_small():
    x = SimpleNamespace(shape=(None, 3))
    before, last = x, call(dense(V, None, TANH), x)
    for k in range(60):  # each the sum of the two before it
        curved = call(layer("Activation", activation=TANH), last)
        before, last = last, call(layer("Add", name=f"add{k}"), curved, before)
    with pytest.raises(ModelFormatError, match="'add.*at most 4000 steps"):
        fj.from_keras(layer("Functional", "models", inputs=[x], outputs=[last]))


def two_outputs():
    model = functional(dense(W1))
    model.outputs = model.outputs * 2
    return model


@pytest.mark.parametrize(
    "model, words",
    [
        (around(layer("Conv2D")), ["layer 'conv2d' (Conv2D)", "Dense", "Normalization"]),
        (around(layer("GroupNormalization")), ["(GroupNormalization)", "LayerNormalization"]),
        (around(layer("LayerNormalization", axis=[1, 2])), ["(LayerNormalization)", "axis=[1, 2]"]),
        (around(norm(rms_scaling=True)), ["(LayerNormalization)", "rms_scaling=True", "RMSNormalization"]),
        (around(norm(gamma=np.ones(3))), ["(LayerNormalization)", "4 units", "3"]),
        (sequential(around(layer("Conv2D"))), ["layer 'sequential': layer 'conv2d'"]),
        (joined("Multiply", dense(W1), dense(W1, b1)), ["layer 'multiply' (Multiply)", "Concatenate", "2 inputs"]),
        (joined("Add", dense(W1)), ["layer 'add' (Add)", "1 inputs"]),
        (joined("Average", dense(W1), dense(W1), package="ops.numpy"), ["(Average)", "2 inputs"]),
        (joined("Subtract", *[dense(W1)] * 3), ["(Subtract)", "3 inputs"]),
        (joined("Add", dense(W1), dense(W2.T @ W1.T[:, :2])), ["(Add)"]),
        (joined("Add", dense(W1), dense(W1[:, :2])), ["(Add)", "same width", "4 and 2"]),
        (joined("Concatenate", dense(W1), dense(W1), axis=0), ["(Concatenate)", "axis=0"]),
        (joined("Add", dense(W1), dense(W1), shape=(None, None)), ["(Add)", "with an Input"]),
        (joined("Add", layer("Rescaling", scale=2, offset=0), layer("InputLayer"), shape=(None, 3, 1)),
         ["(Add)", "one dimension", "2"]),
        (two_outputs(), ["one output", "2"]),
        (sequential(dense(W1), shape=(None, 4, 3)), ["(Dense)", "one dimension", "2"]),
        (sequential(dense(W1, built=False)), ["(Dense)", "built"]),
        (sequential(dense(W1, quantization_mode="int8")), ["(Dense)", "quantized", "int8"]),
        (sequential(dense(W1, activation=lambda x: x)), ["(Dense)", "keras.activations", "<lambda>"]),
        (sequential(dense(W1, activation=function("gelu", "keras.src.ops.nn"))), ["keras.src.ops.nn.gelu"]),
        (sequential(dense(W1, activation=function("tanh", "mine.activations"))), ["mine.activations.tanh"]),
        (sequential(dense(W1, activation=function("sparsemax"))), ["sparsemax"]),
        (around(layer("ReLU", negative_slope=0.1, max_value=3, threshold=0)), ["(ReLU)", "max_value=3"]),
        (around(layer("Softmax", axis=0)), ["(Softmax)", "axis=0"]),
        (around(layer("Normalization", mean=None)), ["(Normalization)", "adapt()"]),
        (around(layer("PReLU", alpha=np.ones((2, 2)))), ["(PReLU)", "(2, 2)"]),
        (sequential(dense(W1), dense(W1, name="second")), ["'second' (Dense)", "4 inputs", "shape (3, 4)"]),
        (standin("mine.Own", (layer("Dense"),), methods=("call",)), ["Own", "its own call"]),
        (standin("mine.Own", (layer("Model", "models"),), methods=("call",)), ["Own", "its own call"]),
        (layer("Model", "models"), ["Model"]),
        (3, ["keras", "int"]),
    ],
)
def test_what_cannot_be_read_is_named(model, words):
    with pytest.raises(ModelFormatError) as caught:
        fj.from_keras(model)
    for word in ("from_keras", *words):
        assert word in str(caught.value)
