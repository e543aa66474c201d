"""from_flax: which entries of a tree make a layer, and in which order."""

import numpy as np
import pytest
from standins import assert_agrees, jacobian_by_complex_step

import fastjac as fj
from fastjac import ModelFormatError

rng = np.random.default_rng(0)
X = rng.normal(size=3)
WEIGHTS = [0.6 * rng.normal(size=(3, 3)) for _ in range(12)]
BIASES = [rng.normal(size=3) for _ in range(12)]


def tree(names):
    return {name: {"kernel": W, "bias": b} for name, W, b in zip(names, WEIGHTS, BIASES)}


def chain(n):
    def evaluate(x):
        for W, b in zip(WEIGHTS[: n - 1], BIASES):
            x = np.tanh(x @ W + b)
        return x @ WEIGHTS[n - 1] + BIASES[n - 1]

    return evaluate


def check(net, f):
    assert_agrees(net, X, f(X), jacobian_by_complex_step(f, X))


@pytest.mark.parametrize("wrap", [lambda tree: tree, lambda tree: {"params": tree}, lambda tree: {"net": tree}])
def test_layers_are_ordered_by_number(wrap):
    params = dict(sorted(tree([f"Dense_{k}" for k in range(12)]).items()))
    assert list(params)[2] == "Dense_10"
    check(fj.from_flax(wrap(params), "tanh"), chain(12))


def test_keys_may_be_numbers():
    check(fj.from_flax({"layers": tree([10, 20, 30])}, "tanh"), chain(3))


def test_order_that_is_given():
    params = {"net": tree(["last", "first", "middle"])}
    check(fj.from_flax(params, "tanh", order=["net.last", "net.first", "net.middle"]), chain(3))


def test_one_layer():
    check(fj.from_flax({"kernel": WEIGHTS[0], "bias": BIASES[0]}, "relu"), chain(1))


@pytest.mark.parametrize(
    "params, words",
    [
        ({"params": tree(["a"]), "batch_stats": {}}, ["'params' alone", "'batch_stats'"]),
        (tree(["a"]) | {"norm": {"scale": BIASES[0]}}, ["'kernel' or 'bias'", "'norm.scale'"]),
        (tree(["a"]) | {"conv": {"kernel": np.ones((3, 3, 1))}}, ["'conv'", "(3, 3, 1)"]),
        (tree(["a0"]) | {"a1": {"kernel": np.ones((4, 3))}}, ["'a1'", "3 inputs", "shape (4, "]),
        (tree(["input", "output"]), ["order=", "'input', 'output'"]),
        ({}, ["at least one layer"]),
        ([WEIGHTS[0]], ["mapping", "list"]),
    ],
)
def test_what_cannot_be_read_is_named(params, words):
    with pytest.raises(ModelFormatError) as caught:
        fj.from_flax(params, "tanh")
    for word in ("from_flax", *words):
        assert word in str(caught.value)
