"""Layers: what they take and tell."""

import numpy as np
import pytest
from support import assert_same, random_array

import fastjac as fj


def test_layer_attributes():
    layer = fj.Layer([[1, 2, 3], [4, 5, 6]], [7, 8, 9], "LeakyReLU", negative_slope=0.5)
    assert (layer.n_in, layer.n_out) == (2, 3)
    assert layer.W.dtype == layer.b.dtype == np.float64
    assert layer.activation == "leaky_relu"
    assert dict(layer.parameters) == {"negative_slope": 0.5}
    assert repr(layer) == "Layer(2 -> 3, 'leaky_relu', negative_slope=0.5)"
    assert fj.Layer([[1.0]]).b is None
    assert fj.Layer([[1.0]]).activation == "identity"


@pytest.mark.parametrize("given_dtype", ["f2", "f4", "f8", "i4", "u1", ">f8", ">f4"])
def test_layer_dtype(given_dtype):
    layer = fj.Layer(np.ones((2, 3), given_dtype), np.ones(3, given_dtype))
    assert layer.W.dtype == layer.b.dtype == (np.float32 if given_dtype[-2:] == "f4" else np.float64)
    assert layer.W.flags.c_contiguous


def test_layer_weights_that_are_ragged():
    with pytest.raises(ValueError, match="^W: expected an array of numbers, got a list"):
        fj.Layer([[1.0, 2.0], [3.0]])


@pytest.mark.parametrize("W", [np.ones((2, 3), bool), np.ones((2, 3), complex), [["a"]], [[None]],
                               np.ones((2, 3), "g"), np.ma.ones((2, 3))], ids=lambda W: str(getattr(W, "dtype", W)))
def test_layer_weights_that_are_not_real(W):
    with pytest.raises(TypeError, match="^W: "):
        fj.Layer(W)
    with pytest.raises(TypeError, match="layer 1: W: "):
        fj.Network([(W,)])


@pytest.mark.parametrize("W", [1.0, [1.0], [[[1.0]]], [[1.0], [1.0, 2.0]]], ids=str)
def test_layer_weights_of_wrong_shape(W):
    with pytest.raises(ValueError):
        fj.Layer(W)


@pytest.mark.parametrize("layout", [
    np.asfortranarray, lambda W: W[::-1, ::-1], lambda W: np.repeat(W, 2, axis=1)[:, ::2],
])
def test_layer_weights_in_any_layout(dtype, layout):
    W, x = random_array((4, 6), dtype), random_array(4, dtype)
    W = layout(W)
    assert_same(fj.Network([(W,)]).jacobian(x), np.ascontiguousarray(W.T))
