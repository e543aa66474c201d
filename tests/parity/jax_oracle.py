"""JAX as an oracle, in double precision."""

import numpy as np
import pytest
from standins import assert_agrees


@pytest.fixture(autouse=True, scope="module")
def double_precision():
    import jax

    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", before)


def check(net, f, n_in, seed=0, tolerance=None):
    """F against f, which computes in the dtype of the network."""
    import jax

    value_and_jacobian = jax.jit(lambda x: (f(x), jax.jacobian(f)(x)))
    tolerance = tolerance or (2e-5 if net.dtype == np.float32 else 1e-12)
    for x in np.random.default_rng(seed).normal(size=(3, n_in)).astype(net.dtype):
        assert_agrees(net, x, *value_and_jacobian(x), tolerance)
