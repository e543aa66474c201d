"""The pole on a cart: its equations against another derivation, the network in CasADi, the closed loop."""

import shutil

import numpy as np
import pytest
from loading import EXAMPLES, load
from numpy.testing import assert_allclose
from scipy.integrate import solve_ivp
from support import make_network, random_array

import fastjac as fj

casadi = pytest.importorskip("casadi")
pytestmark = pytest.mark.skipif(shutil.which("gcc") is None, reason="needs gcc")


@pytest.fixture(scope="module")
def simulate():
    return load("mpc", "simulate")


@pytest.fixture(scope="module")
def train():
    return load("mpc", "train")


@pytest.fixture(scope="module")
def net():
    return fj.from_npz(EXAMPLES / "mpc" / "mpc.npz")


@pytest.fixture(scope="module")
def motion(simulate, net, tmp_path_factory):
    model = simulate.exported(net, tmp_path_factory.mktemp("mpc"))
    return simulate.closed_loop(simulate.Controller(simulate.Horizon(model)))


def random_points(train, n_points, seed=0):
    return train.BOX.centre + train.BOX.half * np.random.default_rng(seed).uniform(-1, 1, (n_points, 5))


# ------------------------------------------------------------------------------------------------ the cart, the network


def lagrangian_slope(t, z, force):
    """Accelerations from the equations of motion as a linear system in them, d/dt dL/dv - dL/dq = (force, 0)."""
    _, angle, velocity, rate = z
    M, m, l, g = 1.0, 0.3, 0.5, 9.80665
    mass = [[M + m, m * l * np.cos(angle)], [m * l * np.cos(angle), m * l**2]]
    loads = [force + m * l * rate**2 * np.sin(angle), m * g * l * np.sin(angle)]
    return [velocity, rate, *np.linalg.solve(mass, loads)]


def test_cart_is_that_of_lagrange(train):
    for x in random_points(train, 5):
        z = solve_ivp(lagrangian_slope, (0, 0.05), x[:4], "DOP853", rtol=1e-12, atol=1e-12, args=(x[4],)).y[:, -1]
        assert_allclose(train.next_state(x[:4], x[4]), z, atol=2e-6)


def test_network_is_as_accurate_as_it_says(train, net):
    error, error_J = train.errors(net, n_points=512)
    assert error.max() < 2e-3
    assert error_J.max() < 2e-2


def test_training_converges(train):
    reports = []
    net = train.train(n_points=256, n_iterations=20, widths=(5, 8, 4), report=reports.append)
    assert len(reports) == 2
    assert train.errors(net, n_points=256)[0].max() < 0.3


# ------------------------------------------------------------------------------------------------ the network in CasADi


FORMS = {
    "exported": lambda simulate, net, folder: simulate.exported(net, folder),
    "differences": lambda simulate, net, folder: simulate.differences(net, folder),
    "generated": lambda simulate, net, folder: simulate.generated(net, folder),
    "MX": lambda simulate, net, folder: simulate.native(net, casadi.MX),
    "SX": lambda simulate, net, folder: simulate.native(net, casadi.SX),
}


@pytest.mark.parametrize("form", FORMS)
def test_horizon_is_the_network_at_every_sample(simulate, form, tmp_path):
    net = make_network((5, 7, 4), ["tanh", "identity"])
    horizon = simulate.Horizon(FORMS[form](simulate, net, tmp_path), 3)
    x = random_array((3, 5))
    Z = casadi.MX.sym("Z", 5, 3)
    y, J = casadi.Function("both", [Z], [horizon.value(Z), horizon.jacobian(Z)])(x.T)
    assert_allclose(y.full().T, net(x), atol=1e-13)
    J = J.full().reshape(4, 3, 5).transpose(1, 0, 2)
    assert_allclose(J, net.jacobian(x), atol=1e-6 if form == "differences" else 1e-13)


def test_callback_has_points_in_columns(simulate):
    """As PyTorch is called: points in rows inside, in columns outside."""
    callback = simulate.Callback("sums", lambda x: np.stack([x.sum(axis=1), x[:, 0]]), (5, 3), (2, 3))
    x = random_array((3, 5))
    assert_allclose(callback(x.T).full(), [x.sum(axis=1), x[:, 0]])


# ------------------------------------------------------------------------------------------------------ the closed loop


def test_pole_is_swung_up_and_held(motion, train):
    states, forces, _ = motion
    assert_allclose(states[0], [0, np.pi, 0, 0])
    assert_allclose(states[-1], 0, atol=0.03)
    assert np.abs(states[50:, 1]).max() < 0.1
    assert np.abs(train.BOX.scaled(np.column_stack([states[:-1], forces]))).max() <= 1 + 1e-9  # where it was trained


def test_force_keeps_its_limit_and_uses_it(motion):
    forces = np.abs(motion[1])
    assert forces.max() <= 12 + 1e-9
    assert (forces > 12 - 1e-9).sum() >= 5


def test_states_are_those_of_the_real_cart(motion):
    states, forces, _ = motion
    for k in (0, 13, 40):
        z = solve_ivp(lagrangian_slope, (0, 0.05), states[k], "DOP853", rtol=1e-12, atol=1e-12, args=(forces[k],))
        assert_allclose(states[k + 1], z.y[:, -1], atol=2e-6)


def test_motion_is_the_same_with_the_network_written_in_casadi(simulate, net, motion):
    controller = simulate.Controller(simulate.Horizon(simulate.native(net, casadi.MX)))
    states, forces, _ = simulate.closed_loop(controller, n_samples=10)
    assert_allclose(states, motion[0][:11], atol=1e-8)
    assert_allclose(forces, motion[1][:10], atol=1e-7)


def test_plan_of_ipopt_closes_the_gaps(simulate, net):
    controller = simulate.Controller(simulate.Horizon(simulate.native(net, casadi.MX), 20), "ipopt")
    controller.improve(simulate.HANGING)
    assert controller.solve.stats()["success"]
    states, x = np.vstack([controller.plan[:-4].reshape(20, 5)[:, :4], controller.plan[-4:]]), controller.plan[:-4]
    assert_allclose(states[0], simulate.HANGING)
    assert_allclose(states[:-1] + net(x.reshape(20, 5)), states[1:], atol=1e-4)
