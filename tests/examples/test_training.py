"""The trainer of the examples, and the networks by other means."""

import importlib.util

import numpy as np
import pytest
from loading import load
from numpy.testing import assert_allclose

import fastjac as fj
from fastjac.formats.npz import read_notes

WIDTHS = (3, 7, 5, 2)


@pytest.fixture(scope="module")
def training():
    return load(".", "training")


@pytest.fixture(scope="module")
def others():
    return load(".", "others")


def test_gradient_is_that_of_the_network(training):
    rng = np.random.default_rng(9)
    p = training.initial(WIDTHS, seed=3)
    x, direction = rng.normal(size=(4, 3)), rng.normal(size=p.size)
    _, gradient = training.value_and_gradient(p, x, WIDTHS)
    y = training.value_and_gradient(p + 1e-200j * direction, x, WIDTHS)[0]
    assert_allclose(gradient @ direction, y.imag / 1e-200, rtol=1e-10)


def test_box_is_filled_and_scaled(training):
    box = training.Box([1.0, -3.0], [2.0, 5.0])
    x = box.sample(64, seed=0)
    assert np.all(x > [1, -3]) and np.all(x < [2, 5])
    assert_allclose(x.mean(axis=0), [1.5, 1.0], atol=0.1)
    assert_allclose(box.scaled(np.array([[1.0, 5.0], [1.5, 1.0]])), [[-1, 1], [0, 0]])


@pytest.mark.parametrize("scale", [np.array([2.0, 3.0]), np.arange(1.0, 9.0).reshape(2, 4)], ids=["diagonal", "matrix"])
def test_scalings_are_folded_into_the_layers(training, scale):
    box, p = training.Box([1.0, -3.0, 0.0], [2.0, 5.0, 0.1]), training.initial(WIDTHS, seed=4)
    mean, x = np.arange(scale.shape[-1]), box.sample(8, seed=1)
    net = fj.Network(training.layers(p, WIDTHS, box, mean, scale))
    y, _ = training.value_and_gradient(p, box.scaled(x), WIDTHS)
    assert_allclose(net(x), mean + (y @ scale if scale.ndim == 2 else y * scale), rtol=1e-11, atol=1e-12)


def test_residual_network_as_a_chain(training):
    box, p = training.Box([1.0, -30.0, 0.0], [2.0, 50.0, 0.1]), training.initial(WIDTHS, seed=5)
    *hidden, last = training.layers(p, WIDTHS, box, np.zeros(2), np.ones(2))
    net = fj.Network(training.with_identity(hidden, last, box, n_state=2, step=0.25))
    x = box.sample(16, seed=2)
    f = fj.Network([*hidden, last])
    assert_allclose(net(x), x[:, :2] + 0.25 * f(x), rtol=0, atol=1e-8 * box.half[:2].max())
    assert_allclose(net.jacobian(x), np.eye(2, 3) + 0.25 * f.jacobian(x), rtol=0, atol=1e-7)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the other programs, while they are imported
@pytest.mark.parametrize("name", ["NumPy by hand", "JAX, jit", "PyTorch", "CasADi", "finite differences"])
@pytest.mark.parametrize("n_in", [3, 7])  # forwards, backwards
def test_other_means_give_the_same(others, name, n_in):
    module = {"JAX, jit": "jax", "PyTorch": "torch", "CasADi": "casadi"}.get(name, "numpy")
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"needs {module}")
    rng = np.random.default_rng(0)
    layers = [(rng.normal(size=(n_in, 5)), rng.normal(size=5), "tanh"), (rng.normal(size=(5, 4)), None, "exp")]
    layers += [(rng.normal(size=(4, 3)), rng.normal(size=3), "silu"), (rng.normal(size=(3, 2)), None)]
    net = fj.Network(layers).with_input_scaling(rng.normal(size=n_in), 2.0)
    assert others.prefers_reverse(net) == (n_in == 7)
    other = others.finite_differences(net) if name == "finite differences" else others.available(net)[name]
    for x in (rng.normal(size=n_in), rng.normal(size=(6, n_in)))[: 1 if name == "CasADi" else 2]:
        y, J = net.value_and_jacobian(x)
        assert_allclose(other(x), y, rtol=1e-12)
        found_y, found_J = other.value_and_jacobian(x)
        assert_allclose(found_y, y, rtol=1e-12)
        assert_allclose(found_J, J, atol=1e-4 if name == "finite differences" else 1e-11)
        assert_allclose(other.select([2, 0]).value_and_jacobian(x)[1], found_J[..., [2, 0]])
        if x.ndim == 2 and name != "finite differences":
            y, J = other.of_any_shape().value_and_jacobian(x.reshape(2, 3, n_in))
            assert_allclose(y.reshape(6, 2), found_y, rtol=1e-13)
            assert_allclose(J.reshape(6, 2, n_in), found_J, rtol=1e-13)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("name", ["NumPy by hand", "JAX, jit", "PyTorch"])
def test_other_means_know_relu_and_sigmoid(others, name):
    module = {"JAX, jit": "jax", "PyTorch": "torch"}.get(name, "numpy")
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"needs {module}")
    rng = np.random.default_rng(0)
    hidden = (rng.normal(size=(3, 6)), rng.normal(size=6), "relu")
    net = fj.Network([hidden, (rng.normal(size=(6, 4)), None, "sigmoid")])
    x = rng.normal(size=(6, 3))
    y, J = others.available(net, leave_out=("CasADi",))[name].value_and_jacobian(x)
    assert_allclose(y, net(x), rtol=1e-12)
    assert_allclose(J, net.jacobian(x), atol=1e-12)


def test_trained_network_is_written_with_its_notes(training, tmp_path, monkeypatch, capsys):
    net = fj.Network([([[1.0], [2.0]], [3.0], "tanh")])
    path = tmp_path / "other.npz"
    monkeypatch.setattr("sys.argv", ["train.py", "-o", str(path)])
    default = tmp_path / "some" / "some.npz"
    training.train_and_write("One line.\n\nMore.", default, lambda: net, lambda net: f"{net.n_in} inputs", domain="all")
    assert capsys.readouterr().out == f"2 inputs\nwritten to {path}\n"
    assert read_notes(path) == {"domain": "all", "accuracy": "2 inputs", "source": "trained by examples/some/train.py"}
    assert_allclose(fj.from_npz(path)([1.0, 0.0]), np.tanh([4.0]))
