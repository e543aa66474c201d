"""from_state_dict: which arrays make a layer, and in which order."""

import numpy as np
import pytest
from standins import assert_agrees, jacobian_by_complex_step

import fastjac as fj
from fastjac import ModelFormatError

rng = np.random.default_rng(0)
X = rng.normal(size=3)
WEIGHTS = [0.6 * rng.normal(size=(3, 3)) for _ in range(12)]
BIASES = [rng.normal(size=3) for _ in range(12)]


def state(names, n=3):
    return {f"{name}.weight": W.T for name, W in zip(names[:n], WEIGHTS)} | {
        f"{name}.bias": b for name, b in zip(names[:n], BIASES)
    }


def chain(f, n=3):
    def evaluate(x):
        for W, b in zip(WEIGHTS[: n - 1], BIASES):
            x = f(x @ W + b)
        return x @ WEIGHTS[n - 1] + BIASES[n - 1]

    return evaluate


def check(net, f):
    assert_agrees(net, X, f(X), jacobian_by_complex_step(f, X))


@pytest.mark.parametrize("names", [[f"net.{2 * k}" for k in range(12)], [f"Dense_{k}" for k in range(12)]])
def test_layers_are_ordered_by_number(names):
    arrays = state(names, 12)
    check(fj.from_state_dict({key: arrays[key] for key in sorted(arrays)}, "tanh"), chain(np.tanh, 12))


def test_numbers_at_several_places_count_from_the_left():
    names = ["block2.fc1", "block2.fc10", "block10.fc1"]
    check(fj.from_state_dict(dict(sorted(state(names).items())), "tanh"), chain(np.tanh))


def test_order_that_is_given():
    names = ["first", "second", "last"]
    net = fj.from_state_dict(dict(sorted(state(names).items())), "tanh", order=names)
    check(net, chain(np.tanh))


def test_activation_of_each_layer():
    net = fj.from_state_dict(state(["0", "1", "2"]), ["tanh", ("leaky_relu", {"negative_slope": 0.3}), "sigmoid"])
    assert [layer.activation for layer in net.layers] == ["tanh", "leaky_relu", "sigmoid"]
    assert net.layers[1].parameters["negative_slope"] == 0.3


def test_one_layer_without_a_name_and_without_a_bias():
    net = fj.from_state_dict({"weight": np.array([[1.0, 2.0]])}, "tanh")
    np.testing.assert_array_equal(net.jacobian([0.0, 0.0]), [[1.0, 2.0]])


def test_half_precision_is_widened():
    W = WEIGHTS[0].astype(np.float16)
    net = fj.from_state_dict({"weight": W}, "relu")
    assert net.dtype == np.float32
    np.testing.assert_array_equal(net.layers[0].W, W.T)


@pytest.mark.parametrize(
    "arrays, words",
    [
        (state(["a0", "a1"]) | {"a0.running_mean": BIASES[0]}, ["'a0.running_mean'", "'weight'", "'bias'"]),
        (state(["a0", "a1"]) | {"a2.bias": BIASES[0]}, ["layer 'a2'", "'weight'"]),
        (state(["a0", "a1"]) | {"a2.weight": np.ones(3)}, ["layer 'a2'", "two dimensions", "(3,)"]),
        (state(["a0", "a1"]) | {"a2.weight": np.ones((2, 4))}, ["layer 'a2'", "3 inputs", "shape (4, "]),
        (state(["a0", "a1"]) | {"a2.weight": np.ones((3, 3), np.int8)}, ["'a2.weight'", "int8"]),
        (state(["a0", "a1"]) | {"a2.weight": np.ones((3, 3), np.longdouble)}, ["'a2.weight'", "float128"]),
        (state(["a0", "a1"]) | {"a1.bias": np.ones(4)}, ["layer 'a1'", "(4,)"]),
        (state(["a0", "a1"]) | {"a1.bias": np.full(3, np.nan)}, ["layer 'a1'", "nan"]),
        (state(["a0", "a1"]) | {"a1.bias": "text"}, ["'a1.bias'", "<U4"]),
        (state(["a0", "a1"]) | {3: BIASES[0]}, ["got 3"]),
        (state(["input", "output"]), ["order=", "'input', 'output'"]),
        ({}, ["at least one layer"]),
    ],
)
def test_what_cannot_be_read_is_named(arrays, words):
    with pytest.raises(ModelFormatError) as caught:
        fj.from_state_dict(arrays, "tanh")
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    "activations, words",
    [
        (["tanh"], ["2 activations", "1"]),
        (["tanh", "gauss "], None),
        (["tanh", "tanhh"], ["layer 'a1'", "tanhh"]),
        (["tanh", ("elu", 1.0)], ["pairs", "elu"]),
        ([("elu", {"slope": 1.0}), "tanh"], ["layer 'a0'", "slope"]),
    ],
)
def test_activations_that_cannot_be(activations, words):
    if words is None:
        assert fj.from_state_dict(state(["a0", "a1"], 2), activations).layers[1].activation == "gaussian"
        return
    with pytest.raises(ModelFormatError) as caught:
        fj.from_state_dict(state(["a0", "a1"], 2), activations)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize("order", [["a0"], ["a0", "a0"], ["a0", "a2"]])
def test_order_that_cannot_be(order):
    with pytest.raises(ModelFormatError, match="order= with each of the layers 'a0', 'a1' once"):
        fj.from_state_dict(state(["a0", "a1"], 2), "tanh", order=order)
