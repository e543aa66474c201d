"""from_equinox against JAX: value and Jacobian, in double and in single precision."""

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax_oracle import check, double_precision  # noqa: F401

import fastjac as fj
from fastjac import ModelFormatError
from fastjac.formats.equinox import FUNCTIONS

jax = pytest.importorskip("jax")
eqx = pytest.importorskip("equinox")
jnp = jax.numpy


def function_of(name):
    for package in (jax.nn, jnp, jax.lax, jax.scipy.special):
        if hasattr(package, name):
            return getattr(package, name)
    pytest.skip(f"this JAX has no {name}")


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function(name):
    first, last = jax.random.split(jax.random.key(0))
    model = eqx.nn.Sequential([
        eqx.nn.Linear(4, 9, key=first), eqx.nn.Lambda(function_of(name)), eqx.nn.Linear(9, 3, key=last),
    ])
    net = fj.from_equinox(model)
    assert net.dtype == np.float64
    check(net, model, 4)


def test_softmax_of_a_perceptron_is_refused():
    # It calls its activations for each unit by itself, where softmax would be 1.
    model = eqx.nn.MLP(4, 3, 9, 1, final_activation=jax.nn.softmax, key=jax.random.key(0))
    with pytest.raises(ModelFormatError, match="softmax comes behind"):
        fj.from_equinox(model)


@settings(max_examples=12, derandomize=True)
@given(n_in=st.integers(1, 6), n_out=st.integers(1, 6), width=st.integers(1, 12), depth=st.integers(0, 4),
       seed=st.integers(0, 99), use_bias=st.booleans(), single=st.booleans(), data=st.data())
def test_random_perceptron(n_in, n_out, width, depth, seed, use_bias, single, data):
    activations = st.sampled_from([
        jnp.tanh, jax.nn.gelu, partial(jax.nn.gelu, approximate=False), jax.nn.silu, jax.nn.softplus, jnp.sin,
        lambda x: x, eqx.nn.PReLU(0.3),
    ])
    model = eqx.nn.MLP(
        n_in, n_out, width, depth, data.draw(activations), data.draw(activations), use_bias, use_bias,
        jnp.float32 if single else jnp.float64, key=jax.random.key(seed),
    )
    check(fj.from_equinox(model), model, n_in, seed)


def test_scalars():
    model = eqx.nn.MLP("scalar", "scalar", 5, 2, jnp.tanh, jnp.exp, key=jax.random.key(0))
    check(fj.from_equinox(model), lambda x: model(x[0])[None], 1)


def test_sequential():
    keys = jax.random.split(jax.random.key(0), 3)
    model = eqx.nn.Sequential([
        eqx.nn.Sequential([eqx.nn.Linear(4, 7, key=keys[0]), eqx.nn.Lambda(jnp.tanh), eqx.nn.Dropout(inference=True)]),
        eqx.nn.Linear(7, 5, use_bias=False, key=keys[1]), eqx.nn.Identity(),
        eqx.nn.MLP(5, 3, 4, 2, jax.nn.silu, key=keys[2]), eqx.nn.Lambda(jax.nn.softmax),
    ])
    check(fj.from_equinox(model), model, 4)


@settings(max_examples=20, derandomize=True)
@given(widths=st.lists(st.integers(1, 9), min_size=2, max_size=4), seed=st.integers(0, 99), single=st.booleans(),
       data=st.data())
def test_random_sequential(widths, seed, single, data):
    dtype = jnp.float32 if single else jnp.float64
    keys = iter(jax.random.split(jax.random.key(seed), 3 * len(widths)))

    def norm(n):
        make = data.draw(st.sampled_from([eqx.nn.LayerNorm, eqx.nn.RMSNorm]))
        use = {"use_weight": data.draw(st.booleans()), "use_bias": data.draw(st.booleans())}
        made = make(n, eps=data.draw(st.sampled_from([1e-5, 0.1])), dtype=dtype, **use)
        for name in ("weight", "bias"):
            if use[f"use_{name}"]:
                array = jax.random.normal(next(keys), (n,), dtype)
                made = eqx.tree_at(lambda module, name=name: getattr(module, name), made, array)
        return made

    layers = []
    for n, m in zip(widths, widths[1:]):
        layers += [eqx.nn.Linear(n, m, key=next(keys), dtype=dtype), norm(m), eqx.nn.Lambda(jax.nn.silu)]
    check(fj.from_equinox(model := eqx.nn.Sequential(layers)), model, widths[0], seed, 1e-4 if single else 1e-11)


def test_own_modules_are_named():

    class Own(eqx.Module):
        def __call__(self, x):
            return x**2

    with pytest.raises(ModelFormatError, match="Own"):
        fj.from_equinox(Own())
    with pytest.raises(ModelFormatError, match=r"module '\[0\]'.*GroupNorm"):
        fj.from_equinox(eqx.nn.Sequential([eqx.nn.GroupNorm(1, 3)]))
