"""Maps of what decides a digit: gradients by the complex step, steps to the nearest border by brute force."""

import numpy as np
import pytest
from loading import EXAMPLES, load
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import minimize

import fastjac as fj


@pytest.fixture(scope="module")
def simulate():
    return load("saliency", "simulate")


@pytest.fixture(scope="module")
def train():
    return load("saliency", "train")


@pytest.fixture(scope="module")
def net():
    return fj.load(EXAMPLES / "saliency" / "saliency.safetensors")


@pytest.fixture(scope="module")
def digits(simulate):
    return simulate.digits()


def logits(net, x):
    """By NumPy, of pixels that may be complex."""
    first, second, last = net.layers
    return np.tanh(np.tanh(x @ first.W + first.b) @ second.W + second.b) @ last.W + last.b


def jacobian(net, x):
    return logits(net, x + 1e-200j * np.eye(64)).imag.T / 1e-200


def test_shipped_network_recognises_the_shipped_digits(net, digits):
    x, labels = digits
    assert x.shape == (599, 64) and x.min() == 0 and x.max() == 1
    assert np.mean(logits(net, x).argmax(axis=-1) == labels) > 0.97


def test_saliency_is_the_gradient_of_the_margin(simulate, net, digits):
    x = digits[0][:20]
    gradient, (first, second) = simulate.saliency(net, x)
    for each, found, c, k in zip(x, gradient, first, second):
        order = np.argsort(logits(net, each))
        assert (c, k) == (order[-1], order[-2])
        J = jacobian(net, each)
        assert_allclose(found, J[c] - J[k], rtol=1e-9, atol=1e-12)


def test_first_step_leads_to_the_nearest_border_of_the_linearised_network(simulate, net, digits):
    x = digits[0][:20]
    for each, step in zip(x, simulate.nearest_border(net, x, n_steps=1)):
        z, J = logits(net, each), jacobian(net, each)
        c = z.argmax()
        lengths = [(z[c] - z[k]) / np.linalg.norm(J[c] - J[k]) for k in range(10) if k != c]
        assert_allclose(np.linalg.norm(step), min(lengths), rtol=1e-9)
        beyond = z + J @ step
        margins = np.sort(beyond[c] - np.delete(beyond, c))
        assert_allclose(margins[0], 0, atol=1e-9)
        assert margins[1] > 0


def test_steps_end_on_the_border_and_perpendicular_to_it(simulate, net, digits):
    x, _ = digits
    step = simulate.nearest_border(net, x)
    before, z = logits(net, x).argmax(axis=-1), logits(net, x + step)
    two = np.sort(z, axis=-1)[:, -2:]
    assert_allclose(two[:, 0], two[:, 1], atol=1e-4)
    short, long = (logits(net, x + factor * step).argmax(axis=-1) for factor in (0.98, 1.02))
    assert np.all(before == short) and np.all(before != long)
    assert simulate.turned(net, x, 1.02 * step) == 1
    for k in range(10):
        J, (a, b) = jacobian(net, x[k] + step[k]), z[k].argsort()[-2:]
        normal = J[a] - J[b]
        cosine = normal @ step[k] / np.linalg.norm(normal) / np.linalg.norm(step[k])
        assert_allclose(abs(cosine), 1, atol=1e-6)


def test_no_shorter_step_is_found_by_minimisation(simulate, net, digits):
    x = digits[0][:3]
    for each, step in zip(x, simulate.nearest_border(net, x)):
        c = logits(net, each).argmax()
        for k in np.argsort(logits(net, each))[-4:-1]:
            border = {"type": "eq", "fun": lambda d, x=each, pair=(c, k): np.subtract(*logits(net, x + d)[[*pair]])}
            start = 0.01 * np.random.default_rng(int(k)).standard_normal(64)
            found = minimize(lambda d: d @ d, start, constraints=[border], method="SLSQP")
            assert found.success
            assert np.linalg.norm(found.x) > np.linalg.norm(step) - 1e-4


def test_noise_as_long_changes_nothing(simulate, net, digits):
    x, _ = digits
    length = np.linalg.norm(simulate.nearest_border(net, x), axis=1, keepdims=True)
    assert np.median(length) < 0.15 * np.median(np.linalg.norm(x, axis=1))
    noise = np.random.default_rng(1).normal(size=x.shape)
    assert simulate.turned(net, x, length * noise / np.linalg.norm(noise, axis=1, keepdims=True)) < 0.01


def test_times_are_of_every_means(simulate, net, digits):
    found = simulate.times(net, digits[0][:4], seconds=0)
    assert set(found) == {"fastjac", "forward differences of fastjac", "NumPy by hand"}
    y, J = simulate.others.by_hand(net).value_and_jacobian(digits[0][:4])
    assert_allclose(y, logits(net, digits[0][:4]), rtol=1e-12)
    assert_allclose(J[3], jacobian(net, digits[0][3]), rtol=1e-9, atol=1e-12)


def test_training_converges_and_holds_out_the_shipped_digits(train, digits):
    datasets = pytest.importorskip("sklearn.datasets")
    learned, (pixels, labels) = train.split(*datasets.load_digits(return_X_y=True))
    assert_array_equal(pixels / 16, digits[0])
    assert_array_equal(labels, digits[1])
    net = train.train(learned[0] / 16, learned[1], hidden_layer_sizes=(10, 10), alpha=10.0)
    assert np.mean(net(pixels / 16).argmax(axis=-1) == labels) > 0.9
