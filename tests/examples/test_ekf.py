"""The Kalman filter of a car that slips: its learned motion, its estimates, its consistency."""

import numpy as np
import pytest
from loading import EXAMPLES, load
from numpy.testing import assert_allclose
from scipy.integrate import solve_ivp
from scipy.stats import chi2

import fastjac as fj


@pytest.fixture(scope="module")
def simulate():
    return load("ekf", "simulate")


@pytest.fixture(scope="module")
def train():
    return load("ekf", "train")


@pytest.fixture(scope="module")
def net():
    return fj.from_npz(EXAMPLES / "ekf" / "ekf.npz")


def textbook_slope(t, s, steering, force):
    """The single-track model, written out with its axle loads; arctan2 for the angles."""
    vx, vy, r = s
    grip_front, grip_rear = 0.9 * 1500 * 9.80665 * np.array([1.5, 1.2]) / 2.7
    front = grip_front * np.sin(1.4 * np.arctan(9 * (steering - np.arctan2(vy + 1.2 * r, vx))))
    rear = grip_rear * np.sin(1.4 * np.arctan(-13 * np.arctan2(vy - 1.5 * r, vx)))
    return [
        (force - 0.4 * vx**2 - front * np.sin(steering)) / 1500 + r * vy,
        (front * np.cos(steering) + rear) / 1500 - r * vx,
        (1.2 * front * np.cos(steering) - 1.5 * rear) / 2500,
    ]


def test_physics_of_script_is_that_of_this_test(train):
    for x in train.BOX.sample(4, seed=8):
        s = solve_ivp(textbook_slope, (0, 1e-3), x[:3], args=x[3:], rtol=1e-12, atol=1e-12).y[:, -1]
        assert_allclose(train.next_state(x), s, rtol=1e-11, atol=1e-12)


def test_shipped_network_knows_the_motion(simulate, train, net):
    assert train.error_of_acceleration(net, n_points=512) < 3e-3
    for x in train.BOX.sample(8, seed=9):
        J = simulate.next_state_jacobian(x)
        assert_allclose(net.jacobian(x, wrt=slice(0, 3)), J, rtol=0, atol=2e-3)  # the entries beside 1 are up to 0.03


def test_filter_is_consistent_and_as_good_as_with_the_physics(simulate, net):
    rms, squared = simulate.experiment(net, n_steps=300, n_runs=6)
    expected, _ = simulate.experiment(simulate.Truth(), n_steps=300, n_runs=6)
    assert_allclose(rms, expected, rtol=0.02)
    assert rms[0] < 0.5 * simulate.NOISE[0] and rms[2] < 0.6 * simulate.NOISE[1]
    low, high = chi2.ppf([1e-4, 1 - 1e-4], 3 * 6) / 6  # of one instant; the mean over time is nearer
    assert low < squared.mean() < high
    assert 2.2 < squared.mean() < 3.8


def test_covariance_is_that_of_the_textbook_update(simulate, net):
    rng = np.random.default_rng(3)
    root = rng.normal(size=(3, 3))
    s, P, z, controls = simulate.START + 0.1, root @ root.T, np.array([22.3, 0.02]), np.array([0.03, 700.0])
    filter = simulate.Filter(net, s, P)
    filter.predict(controls)
    x = np.append(s, controls)
    A = net.jacobian(x)[:, :3]
    P = A @ P @ A.T + np.diag([0.2, 0.2, 0.05]) ** 2 * 1e-3
    assert_allclose(filter.P, P, rtol=1e-12)
    filter.update(z)
    H, R = np.eye(3)[[0, 2]], np.diag([0.1, 0.01]) ** 2
    gain = P @ H.T @ np.linalg.inv(H @ P @ H.T + R)
    assert_allclose(filter.s, net(x) + gain @ (z - H @ net(x)), rtol=1e-10)
    assert_allclose(filter.P, (np.eye(3) - gain @ H) @ P, rtol=1e-8, atol=1e-12)


def test_finite_differences_lead_to_the_same_estimates(simulate, net):
    _, measured, held = simulate.drive(200, 1)
    exact, _, times = simulate.track(net, measured[:, 0], held)
    differences, _, _ = simulate.track(simulate.others.finite_differences(net), measured[:, 0], held)
    assert_allclose(differences, exact, rtol=0, atol=1e-5)
    assert times.shape == (200,) and np.all(times > 0)


def test_training_converges(train, monkeypatch):
    monkeypatch.setattr(train, "WIDTHS", (5, 8, 3))
    net = train.train(n_points=128, n_iterations=12, report=lambda line: None)
    assert train.error_of_acceleration(net, n_points=128) < 0.3
