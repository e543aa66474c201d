"""split_skips: a weight is its dense corner and its skips; networks multiply no more than that."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fastjac as fj
from fastjac.skips import Skip, split_skips


def numbers(n, m, seed=0):
    return np.random.default_rng([n, m, seed]).normal(size=(n, m))


def put_together(shape, dense_in, dense_out, skips, W):
    whole = np.zeros(shape)
    whole[:dense_in, :dense_out] = W[:dense_in, :dense_out]
    for skip in skips:
        for i in range(skip.n):
            whole[skip.source + i, skip.target + i] += skip.factors(W)[i]
    return whole


eye, zeros = np.eye, np.zeros


@pytest.mark.parametrize("W, expected", [
    (numbers(4, 3), (4, 3, ())),
    (np.hstack([numbers(5, 8), eye(5)]), (5, 8, (Skip(5, 0, 8),))),
    (np.block([[numbers(8, 6), zeros((8, 5))], [zeros((5, 6)), eye(5)]]), (8, 6, (Skip(5, 8, 6),))),
    (np.vstack([numbers(6, 5), eye(5)]), (6, 5, (Skip(5, 6, 0),))),
    (np.vstack([eye(4), eye(4)]), (0, 0, (Skip(4, 4, 0), Skip(4, 0, 0)))),
    (np.block([[numbers(5, 8), eye(5), zeros((5, 3))], [zeros((3, 13)), eye(3)]]), (5, 8, (Skip(8, 0, 8),))),
    (eye(3), (0, 0, (Skip(3, 0, 0),))),
    (np.diag([2.0, -1.0, 0.5]), (0, 0, (Skip(3, 0, 0),))),
    (eye(3)[::-1], (0, 0, (Skip(1, 2, 0), Skip(1, 1, 1), Skip(1, 0, 2)))),
    (zeros((2, 3)), (2, 3, ())),
], ids=["dense", "first", "middle", "last", "sum", "nested", "identity", "diagonal", "permutation", "zero"])
def test_split(W, expected):
    assert split_skips(W) == expected
    assert np.array_equal(put_together(W.shape, *expected, W), W)


@given(st.integers(1, 6), st.integers(1, 6), st.data())
def test_nothing_is_lost(n_in, n_out, data):
    entries = st.sampled_from([0, 0, 0, 1, 1, 2])
    W = np.array(data.draw(st.lists(entries, min_size=n_in * n_out, max_size=n_in * n_out)), float).reshape(n_in, n_out)
    assert np.array_equal(put_together(W.shape, *split_skips(W), W), W)


def dense(n_in, n_out, activation="identity"):
    return fj.Layer(numbers(n_in, n_out, 1) / np.sqrt(n_in), numbers(1, n_out, 2)[0], activation)


@pytest.mark.parametrize("order", ["forward", "reverse"])
def test_a_block_costs_what_is_in_it(order):
    blocks = [fj.Residual([dense(20, 30, "tanh"), dense(30, 40, "relu"), dense(40, 20)]) for _ in range(3)]
    net = fj.Network([dense(4, 20), *blocks, dense(20, 5)], order=order)
    n, first_or_last = (4, 20 * 5) if order == "forward" else (5, 4 * 20)
    assert net.plan().multiply_adds == n * (3 * (20 * 30 + 30 * 40 + 40 * 20) + first_or_last)
    assert "are multiplied" in str(net.plan())


def test_skips_survive_the_choice_of_inputs_and_outputs():
    net = fj.Network([fj.Residual([dense(6, 9, "tanh"), dense(9, 6)]), fj.Residual([dense(6, 6, "tanh")])])
    x = numbers(7, 6)
    J = net.jacobian(x)
    for wrt, outputs in ((slice(2, 5), None), (None, slice(1, 4)), ([5, 0, 0], [3, 1]), (slice(3), slice(3))):
        expected = J if wrt is None else J[..., wrt]
        expected = expected if outputs is None else expected[:, outputs]
        np.testing.assert_allclose(net.jacobian(x, wrt=wrt, outputs=outputs), expected, rtol=1e-13, atol=1e-14)


def test_zeros_of_weights_are_multiplied_in_selections():
    """In another order of the inputs a row of W looks like a skip: by case 34 its zeros are multiplied as before."""
    W = np.array([[0.0, 0.5, 0.0], [1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    net = fj.Network([fj.Concatenation([fj.Layer(W, None, "tanh")], last=True)])
    assert net.plan().sizes == (9,)
    part = net.select(wrt=[1, 2, 0])
    whole, turned = net.jvp(np.zeros(3), [np.nan, 0.0, 0.0]), part.jvp(np.zeros(3), [0.0, 0.0, np.nan])
    assert np.isnan(whole[:3]).all() and np.isnan(turned[:3]).all()


def test_zeros_of_skips_are_not_multiplied():
    """NaN in one unit reaches the others through weights only: by case 34 also those that are zero."""
    x = np.array([np.nan, 1.0, 2.0])
    tail = [dense(3, 3, "tanh"), fj.Elementwise("relu")]
    inner = fj.Network([fj.Layer(eye(3)), fj.Elementwise("tanh"), fj.Elementwise("relu")])
    assert np.array_equal(np.isnan(inner(x)), [True, True, True])
    assert inner.layers[0].skips is False and inner.layers[1].skips is True
    only = fj.Network([fj.Affine(np.ones(3), 0.5), fj.Elementwise("tanh")])
    assert np.array_equal(np.isnan(only(x)), [True, False, False])
    assert np.isnan(fj.Network(tail)(x)).all()


@pytest.mark.parametrize("W, h", [
    ([[1.0, 2.0], [0.0, 3.0]], [np.nan, np.nan]),
    ([[1.0, 0.0], [0.0, 3.0]], [np.nan, np.nan]),
])
def test_zeros_of_the_user_are_multiplied_in_a_block(W, h):
    """Also where they look as if they belonged to the skip."""
    x = np.array([1.0, np.nan])
    assert np.array_equal(fj.Network([fj.Concatenation([(W, None, "tanh")])])(x)[2:], h, equal_nan=True)
    assert np.array_equal(fj.Network([fj.Residual([(W, None, "tanh")], (eye(2),))])(x), h, equal_nan=True)


def test_weights_of_one_row_are_no_skips():
    net = fj.Network([fj.Residual([dense(1, 50, "tanh"), dense(50, 1)])])
    assert not any(layer.skips for layer in net.layers)
    assert net.plan().sizes == (51, 51)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_kept_by_files_and_pickles(dtype, tmp_path):
    net = fj.Network([fj.Residual([dense(4, 5, "tanh"), dense(5, 4)])], dtype=dtype)
    assert all(layer.skips for layer in net.layers)
    net.save(tmp_path / "net.safetensors")
    fj.save_npz(net, tmp_path / "net.npz")
    loaded = [fj.load(tmp_path / f"net.{suffix}") for suffix in ("safetensors", "npz")]
    for again in (*loaded, pickle.loads(pickle.dumps(net))):
        assert all(layer.skips for layer in again.layers)
        assert again.plan().sizes == net.plan().sizes == (20, 20)
    with pytest.raises(TypeError, match="skips: expected True or False, got 1"):
        fj.Layer(eye(2), skips=1)
