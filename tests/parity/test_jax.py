"""from_equinox and from_flax against JAX: value and Jacobian, in double and in single precision."""

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from standins import assert_agrees

import fastjac as fj
from fastjac import ModelFormatError
from fastjac.formats.equinox import FUNCTIONS

jax = pytest.importorskip("jax")
jnp = jax.numpy


@pytest.fixture(autouse=True, scope="module")
def double_precision():
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", before)


def check(net, f, n_in, seed=0):
    """F against f, which computes in the dtype of the network."""
    value_and_jacobian = jax.jit(lambda x: (f(x), jax.jacobian(f)(x)))
    for x in np.random.default_rng(seed).normal(size=(3, n_in)).astype(net.dtype):
        assert_agrees(net, x, *value_and_jacobian(x), 2e-5 if net.dtype == np.float32 else 1e-12)


# ------------------------------------------------------------------------------------ equinox


def function_of(name):
    for package in (jax.nn, jnp, jax.lax, jax.scipy.special):
        if hasattr(package, name):
            return getattr(package, name)
    pytest.skip(f"this JAX has no {name}")


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function(name):
    eqx = pytest.importorskip("equinox")
    first, last = jax.random.split(jax.random.key(0))
    model = eqx.nn.Sequential([
        eqx.nn.Linear(4, 9, key=first), eqx.nn.Lambda(function_of(name)), eqx.nn.Linear(9, 3, key=last),
    ])
    net = fj.from_equinox(model)
    assert net.dtype == np.float64
    check(net, model, 4)


def test_softmax_of_a_perceptron_is_refused():
    eqx = pytest.importorskip("equinox")
    # It calls its activations for each unit by itself, where softmax would be 1.
    model = eqx.nn.MLP(4, 3, 9, 1, final_activation=jax.nn.softmax, key=jax.random.key(0))
    with pytest.raises(ModelFormatError, match="softmax comes behind"):
        fj.from_equinox(model)


@settings(max_examples=12, derandomize=True)
@given(n_in=st.integers(1, 6), n_out=st.integers(1, 6), width=st.integers(1, 12), depth=st.integers(0, 4),
       seed=st.integers(0, 99), use_bias=st.booleans(), single=st.booleans(), data=st.data())
def test_random_perceptron(n_in, n_out, width, depth, seed, use_bias, single, data):
    eqx = pytest.importorskip("equinox")
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
    eqx = pytest.importorskip("equinox")
    model = eqx.nn.MLP("scalar", "scalar", 5, 2, jnp.tanh, jnp.exp, key=jax.random.key(0))
    check(fj.from_equinox(model), lambda x: model(x[0])[None], 1)


def test_sequential():
    eqx = pytest.importorskip("equinox")
    keys = jax.random.split(jax.random.key(0), 3)
    model = eqx.nn.Sequential([
        eqx.nn.Sequential([eqx.nn.Linear(4, 7, key=keys[0]), eqx.nn.Lambda(jnp.tanh), eqx.nn.Dropout(inference=True)]),
        eqx.nn.Linear(7, 5, use_bias=False, key=keys[1]), eqx.nn.Identity(),
        eqx.nn.MLP(5, 3, 4, 2, jax.nn.silu, key=keys[2]), eqx.nn.Lambda(jax.nn.softmax),
    ])
    check(fj.from_equinox(model), model, 4)


def test_own_modules_are_named():
    eqx = pytest.importorskip("equinox")

    class Own(eqx.Module):
        def __call__(self, x):
            return x**2

    with pytest.raises(ModelFormatError, match="Own"):
        fj.from_equinox(Own())
    with pytest.raises(ModelFormatError, match=r"module '\[0\]'.*GroupNorm"):
        fj.from_equinox(eqx.nn.Sequential([eqx.nn.GroupNorm(1, 3)]))


# --------------------------------------------------------------------------------------- flax


@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16"])
def test_linen(dtype):
    nn = pytest.importorskip("flax.linen")
    widths = [5, 4, 6, 3, 7, 5, 4, 6, 3, 7, 2, 4]

    class Perceptron(nn.Module):
        @nn.compact
        def __call__(self, x):
            for width in widths[:-1]:
                x = nn.gelu(nn.Dense(width, param_dtype=dtype)(x))
            return nn.Dense(widths[-1], param_dtype=dtype)(x)

    module = Perceptron()
    variables = module.init(jax.random.key(0), jnp.zeros(4))
    net = fj.from_flax(variables, "gelu_tanh")
    assert net.widths == (4, *widths)
    assert net.dtype == ("float64" if dtype == "float64" else "float32")
    exact = jax.tree.map(lambda x: x.astype(jnp.float64), variables)
    check(net, lambda x: module.apply(exact, x.astype(jnp.float64)), 4)


def test_nnx():
    nnx = pytest.importorskip("flax.nnx")

    class Perceptron(nnx.Module):
        def __init__(self, rngs):
            self.layers = nnx.List([nnx.Linear(4, 4, rngs=rngs, param_dtype=jnp.float64) for _ in range(12)])

        def __call__(self, x):
            for layer in self.layers[:-1]:
                x = jnp.tanh(layer(x))
            return self.layers[-1](x)

    model = Perceptron(nnx.Rngs(0))
    check(fj.from_flax(nnx.state(model), "tanh"), model, 4)


def test_other_parameters_are_named():
    nn = pytest.importorskip("flax.linen")
    module = nn.Sequential([nn.Dense(3), nn.LayerNorm()])
    with pytest.raises(ModelFormatError, match=r"'layers_1\.(scale|bias)'"):
        fj.from_flax(module.init(jax.random.key(0), jnp.zeros(4)), "tanh")
