"""from_flax against JAX: value and Jacobian, in double and in single precision."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax_oracle import check, double_precision  # noqa: F401

import fastjac as fj
from fastjac import ModelFormatError

jax = pytest.importorskip("jax")
jnp = jax.numpy


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


@settings(max_examples=15, derandomize=True)
@given(widths=st.lists(st.integers(1, 9), min_size=2, max_size=5), seed=st.integers(0, 99), single=st.booleans(),
       name=st.sampled_from(["silu", "tanh", "softplus", "sigmoid"]))
def test_random_perceptron(widths, seed, single, name):
    nn = pytest.importorskip("flax.linen")
    dtype = jnp.float32 if single else jnp.float64
    layers = [layer for n in widths[1:] for layer in (nn.Dense(n, param_dtype=dtype, dtype=dtype), getattr(nn, name))]
    module = nn.Sequential(layers[:-1])
    variables = module.init(jax.random.key(seed), jnp.zeros(widths[0], dtype))
    check(fj.from_flax(variables, name), lambda x: module.apply(variables, x), widths[0], seed)
