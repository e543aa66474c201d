"""Fisher forecasts: the toy universe against textbook integrals, the emulator against the toy universe."""

import numpy as np
import pytest
from loading import EXAMPLES, load
from numpy.testing import assert_allclose
from scipy.integrate import quad
from scipy.special import hyp2f1

import fastjac as fj


@pytest.fixture(scope="module")
def simulate():
    return load("fisher", "simulate")


@pytest.fixture(scope="module")
def spectrum():
    return load("fisher", "spectrum")


@pytest.fixture(scope="module")
def net():
    return fj.from_npz(EXAMPLES / "fisher" / "fisher.npz")


def test_growth_is_that_of_a_cosmological_constant(spectrum):
    def growth(a):
        return a * hyp2f1(1 / 3, 1, 11 / 6, -(a**3) * 0.69 / 0.31)

    expected = growth(1 / (1 + spectrum.REDSHIFTS)) / growth(1.0)
    assert_allclose(spectrum.growth(spectrum.FIDUCIAL), expected, rtol=1e-5)


def test_distances(spectrum):
    theta = np.array([0.3, 0.05, 0.7, 0.96, 0.8, -0.8])

    def hubble(z):
        return np.sqrt(0.3 * (1 + z) ** 3 + 0.7 * (1 + z) ** (3 * 0.2))

    for z, found in zip(spectrum.REDSHIFTS, spectrum.dilation(theta)):
        across = 2997.92458 * quad(lambda t: 1 / hubble(t), 0, z)[0]
        assert_allclose(found, (across**2 * 2997.92458 * z / hubble(z)) ** (1 / 3), rtol=1e-10)


def test_fluctuations_in_spheres_are_sigma8(spectrum):
    theta = spectrum.FIDUCIAL

    def integrand(x):
        k = np.exp(x)
        ball = 3 * (np.sin(8 * k) - 8 * k * np.cos(8 * k)) / (8 * k) ** 3
        return np.exp(spectrum.log_shape(k, theta) - spectrum.amplitude(theta)) * k**3 * ball**2 / (2 * np.pi**2)

    assert_allclose(quad(integrand, np.log(1e-4), np.log(10), limit=200)[0], theta[4] ** 2, rtol=1e-5)


def test_derivative_of_the_model(spectrum):
    theta, h = spectrum.FIDUCIAL, 1e-3
    steps = h * np.eye(6)
    weights = np.array([1, -9, 45, -45, 9, -1]) / 60  # sixth order
    values = [spectrum.log_power(theta + n * steps) for n in (3, 2, 1, -1, -2, -3)]
    differences = np.tensordot(weights, values, axes=1).T / h
    assert_allclose(spectrum.log_power_jacobian(theta), differences, rtol=0, atol=1e-6)


def test_emulator_forecasts_what_the_model_does(simulate, spectrum, net):
    points = simulate.universes(8)
    assert_allclose(net(points), spectrum.log_power(points), rtol=0, atol=2e-3)
    weights = spectrum.precision()
    for theta in (spectrum.FIDUCIAL, *points[:2]):
        J = spectrum.log_power_jacobian(theta)
        expected = simulate.marginal_errors(np.einsum("mi,m,mj->ij", J, weights, J))
        assert_allclose(simulate.marginal_errors(net.fisher(theta, weights)), expected, rtol=0.03)


def test_batch_is_that_of_its_points(simulate, net):
    points, weights = simulate.universes(16), simulate.precision()
    F = net.fisher(points, weights)
    assert F.shape == (16, 6, 6)
    assert_allclose(simulate.forecasts(net, points, weights), F, rtol=1e-10)
    for theta, each in zip(points, F):
        J = net.jacobian(theta)
        assert_allclose(each, J.T @ np.diag(weights) @ J, rtol=1e-10)
    differences = simulate.forecasts(simulate.others.finite_differences(net), points, weights)
    assert_allclose(np.diagonal(differences, axis1=1, axis2=2), np.diagonal(F, axis1=1, axis2=2), rtol=1e-4)


def test_ellipse_holds_its_share(simulate):
    covariance = np.array([[2.0, 0.6], [0.6, 1.0]])
    x, y = simulate.ellipse(covariance, 0, 1)
    inside = -2 * np.log(1 - 0.683)
    assert_allclose(np.einsum("ik,ij,jk->k", [x, y], np.linalg.inv(covariance), [x, y]), inside, rtol=1e-3)


def test_times_are_of_every_means(simulate, net):
    found = simulate.times(net, n=4, seconds=0.0)
    assert set(found) == {"fastjac", "finite differences", "NumPy by hand"}
    assert np.all(np.array(list(found.values())) > 0)


def test_training_converges(monkeypatch):
    train = load("fisher", "train")
    monkeypatch.setattr(train, "WIDTHS", (6, 6, train.N_COMPONENTS))
    net = train.train(n_points=64, n_iterations=12, report=lambda line: None)
    assert train.error_of_log_power(net, n_points=64) < 0.1
