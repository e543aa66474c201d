"""from_keras against Keras on JAX: its value and its Jacobian, in double and in single precision."""

import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax_oracle import double_precision  # noqa: F401
from standins import assert_agrees

import fastjac as fj
from fastjac import ModelFormatError
from fastjac.formats.keras_layers import FUNCTIONS

os.environ.setdefault("KERAS_BACKEND", "jax")
jax = pytest.importorskip("jax")
keras = pytest.importorskip("keras")
if keras.backend.backend() != "jax":
    pytest.skip("Keras runs on another backend", allow_module_level=True)
layers = keras.layers

LAYERS = {
    "ReLU": [layers.ReLU, lambda: layers.ReLU(0.5), lambda: layers.ReLU(negative_slope=0.2),
             lambda: layers.ReLU(threshold=0.2), lambda: layers.ReLU(max_value=6)],
    "LeakyReLU": [layers.LeakyReLU, lambda: layers.LeakyReLU(negative_slope=0.1)],
    "ELU": [layers.ELU, lambda: layers.ELU(0.4)],
    "PReLU": [lambda: layers.PReLU("normal"), lambda: layers.PReLU("normal", shared_axes=[1])],
    "Softmax": [layers.Softmax],
    "Activation": [lambda name=name: layers.Activation(name) for name in FUNCTIONS],
    "Normalization": [lambda: layers.Normalization(mean=[1.0, 2.0, 0.5], variance=[4.0, 0.0, 0.3]),
                      lambda: layers.Normalization(mean=0.4, variance=2.0, axis=None),
                      lambda: layers.Normalization(mean=[1.0, 2.0, 0.5], variance=[4.0, 1.0, 0.3], invert=True)],
    "Rescaling": [lambda: layers.Rescaling(0.3, 0.2), lambda: layers.Rescaling([0.3, 1, 2], [0, 1, 0])],
    "BatchNormalization": [layers.BatchNormalization, lambda: layers.BatchNormalization(scale=False, center=False)],
    "LayerNormalization": [layers.LayerNormalization, lambda: layers.LayerNormalization(epsilon=0.1, scale=False),
                           lambda: layers.LayerNormalization(center=False)],
    "RMSNormalization": [layers.RMSNormalization, lambda: layers.RMSNormalization(epsilon=0.1)],
    "idle": [lambda: layers.Dropout(0.5), lambda: layers.GaussianNoise(0.1), layers.Flatten, layers.Identity],
}
CASES = [pytest.param(make, id=f"{name}{k}") for name, makes in LAYERS.items() for k, make in enumerate(makes)]


@pytest.fixture(autouse=True, scope="module")
def usual_precision():
    yield
    compute_in("float32")


def scramble(model, seed):
    """Weights without zeros and ones where they begin, positive where they are variances."""
    rng = np.random.default_rng(seed)
    for weight in model.weights:
        value = rng.normal(size=weight.shape) / np.sqrt(weight.shape[0] if len(weight.shape) == 2 else 2)
        weight.assign(np.abs(value) + 0.3 if "variance" in weight.path else value)


def check(model, points, tolerance, *others):
    """The network of the model, and others that are to be the same."""
    net = fj.from_keras(model)
    assert net.dtype == keras.config.floatx()

    @jax.jit
    @jax.vmap
    def value_and_jacobian(x):
        def f(x):
            return model(x[None], training=False)[0]

        return f(x), jax.jacobian(f)(x)

    points = points.astype(net.dtype)
    for x, y, J in zip(points, *map(np.asarray, value_and_jacobian(points))):
        for one in (net, *others):
            assert_agrees(one, x, y, J, tolerance)


def compute_in(dtype):
    keras.config.set_floatx(dtype)
    keras.config.set_dtype_policy(dtype)


def points(n, seed=0):
    return np.random.default_rng(seed).normal(size=(3, n))


# Keras computes these in single precision, whatever the model's own.
ROUNDED = ("batch_normalization", "layer_normalization", "rms_normalization", "tanh")


@pytest.mark.parametrize("make", CASES)
def test_layer(make):
    compute_in("float64")
    layer = make()
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3), layer, layers.Dense(2)])
    scramble(model, 0)
    called = getattr(getattr(layer, "activation", None), "__name__", layer.name)
    check(model, points(4), 2e-6 if called.startswith(ROUNDED) else 1e-13)


@settings(max_examples=12, derandomize=True)
@given(widths=st.lists(st.integers(1, 9), min_size=2, max_size=5), seed=st.integers(0, 99), nested=st.booleans(),
       functional=st.booleans(), single=st.booleans(), data=st.data())
def test_random_chain(widths, seed, nested, functional, single, data):
    compute_in("float32" if single else "float64")
    smooth = st.sampled_from(["silu", "gelu", "softplus", "sigmoid", "mish", "linear", "exponential"])
    x = y = keras.Input((widths[0],))
    for n in widths[1:]:
        chosen = [layers.Dense(n, activation=data.draw(smooth), use_bias=data.draw(st.booleans()))]
        if data.draw(st.booleans()):
            chosen.append(data.draw(st.sampled_from([layers.ELU, lambda: layers.Rescaling(0.5, 1), layers.Softmax]))())
        block = keras.Sequential(chosen)
        for layer in [block] if nested else chosen:
            y = layer(y)
    model = keras.Model(x, y)
    if not functional and not nested:
        model = keras.Sequential(model.layers)
    scramble(model, seed)
    check(model, points(widths[0], seed), 2e-5 if single else 1e-12)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of Keras when it saves
@settings(max_examples=12, derandomize=True)
@given(n_in=st.integers(1, 6), width=st.integers(1, 9), seed=st.integers(0, 99), single=st.booleans(), data=st.data())
def test_random_graph(tmp_path_factory, n_in, width, seed, single, data):
    """Blocks with skips of several kinds, live and from both kinds of file."""
    compute_in("float32" if single else "float64")
    smooth = st.sampled_from(["silu", "gelu", "softplus", "mish", "sigmoid"])
    # Keras computes them in single precision.
    rms_norms = [layers.RMSNormalization, lambda: layers.RMSNormalization(epsilon=0.1)]
    norms = st.sampled_from([layers.Identity, *(rms_norms if single else [])])

    def block(x, n):
        y = data.draw(norms)()(layers.Dense(data.draw(st.integers(1, 9)), activation=data.draw(smooth))(x))
        return layers.Dense(n, activation=data.draw(st.sampled_from([None, "silu"])))(y)

    x = keras.Input((n_in,))
    y = layers.Dense(width, activation=data.draw(smooth))(x)
    kinds = st.sampled_from(["add", "+", "-", "project", "mean", "beside", "nest"])
    for kind in data.draw(st.lists(kinds, max_size=3)):
        n = y.shape[1]
        if kind == "add":
            y = layers.Add()([y, block(y, n), block(x, n)])
        elif kind == "+":
            y = y + block(y, n)
        elif kind == "-":
            y = layers.Subtract()([block(y, n), y])
        elif kind == "project":
            y = layers.Add()([layers.Dense(width)(y), block(y, width)])
        elif kind == "mean":
            y = layers.Average()([y, block(y, n)])
        elif kind == "beside":
            y = layers.Concatenate()([y, x, block(x, 2)])
        else:
            z = keras.Input((n,))
            y = keras.Model(z, layers.Add()([z, block(z, n)]))(y)
    model = keras.Model(x, layers.Dense(2)(y))
    scramble(model, seed)
    tolerance = 1e-4 if single else 1e-11
    nets = []
    for suffix in (".keras", ".h5"):
        path = tmp_path_factory.mktemp("saved") / f"net{suffix}"
        model.save(path)
        nets.append(fj.from_keras_file(path))
    check(model, points(n_in, seed), tolerance, *nets)


def test_adapted_normalization():
    compute_in("float64")
    normalization = layers.Normalization()
    normalization.adapt(100 + 7 * points(3))
    model = keras.Sequential([keras.Input((3,)), normalization, layers.Dense(2)])
    check(model, 100 + 7 * points(3, 1), 1e-5)  # adapt() itself computes in single precision


def test_half_precision():
    compute_in("float32")
    model = keras.Sequential([keras.Input((3,)), layers.Dense(2, dtype="bfloat16")])
    net = fj.from_keras(model)
    assert net.dtype == np.float32
    np.testing.assert_array_equal(net.layers[0].W, np.asarray(model.layers[0].kernel, np.float32))


class Own(layers.Layer):
    def call(self, x):
        return x**2


@pytest.mark.parametrize(
    "layer, words",
    [
        (Own(), "Own with its own call"),
        (layers.GroupNormalization(1), "GroupNormalization"),
        (layers.Reshape((3, 1)), "Reshape"),
        (layers.Dense(2, activation=lambda x: x), "<lambda>"),
        (layers.Dense(2, activation=keras.ops.gelu), "keras.src.ops.nn.gelu"),
    ],
)
def test_what_cannot_be_read_is_named(layer, words):
    with pytest.raises(ModelFormatError, match=f"layer '{layer.name}'.*{words}"):
        fj.from_keras(keras.Sequential([keras.Input((3,)), layer]))


@pytest.mark.parametrize("join", [
    lambda x, y: layers.Multiply(name="join")([x, y]), lambda x, y: layers.Dot(1, name="join")([x, y]),
    lambda x, y: keras.src.ops.numpy.Average(name="join")(x, weights=y),
    lambda x, y: keras.src.ops.numpy.Add(name="join")(x, 1.0),
])  # fmt: skip
def test_what_cannot_be_joined_is_named(join):
    x = keras.Input((3,))
    with pytest.raises(ModelFormatError, match="layer 'join' .*Add, Subtract"):
        fj.from_keras(keras.Model(x, join(x, layers.Dense(3)(x))))
