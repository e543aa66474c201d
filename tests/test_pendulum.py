"""The network that ships with fastjac, against the equation of motion it was trained on."""

import importlib.util
import math
from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import fastjac as fj
from fastjac._cli.networks import bundled

SCRIPT = Path(__file__).resolve().parent.parent / "examples" / "train_pendulum.py"


def physics(angle, velocity, torque):
    """State after 50 ms and its derivative, from the variational equations.

    With s = (angle, velocity) and s' = f(s, torque), the sensitivity S = ds/d(s0, torque) follows
    S' = (df/ds) S + df/d(torque).
    """
    g_over_l, damping, gain = 9.80665 / 0.5, 0.1 / 0.25, 1 / 0.25

    def slope(t, z):
        s, S = z[:2], z[2:].reshape(2, 3)
        A = np.array([[0.0, 1.0], [-g_over_l * math.cos(s[0]), -damping]])
        forced = A @ S
        forced[1, 2] += gain
        return [s[1], -g_over_l * math.sin(s[0]) - damping * s[1] + gain * torque, *forced.ravel()]

    start = [angle, velocity, 1, 0, 0, 0, 1, 0]
    z = solve_ivp(slope, (0, 0.05), start, method="DOP853", rtol=1e-12, atol=1e-12).y[:, -1]
    return z[:2], z[2:].reshape(2, 3)


def test_jacobian_is_that_of_physics():
    net, notes = bundled()
    assert "|angle| <= pi rad, |velocity| <= 8 rad/s, |torque| <= 3 N m" in notes["domain"]
    x = np.random.default_rng(7).uniform(-1, 1, (60, 3)) * [math.pi, 8, 3]
    y, J = net.value_and_jacobian(x)
    expected = [physics(*point) for point in x]
    y_expected, J_expected = (np.array(part) for part in zip(*expected))
    assert np.all(np.abs(y - y_expected) <= [1e-3, 5e-3])
    # Absolute, entry by entry: a few times the largest errors that the trained network has here.
    assert np.all(np.abs(J - J_expected) <= [[1e-3, 3e-4, 1e-4], [5e-3, 1.5e-3, 5e-4]])


def test_notes_name_inputs_and_outputs():
    net, notes = bundled()
    assert len(notes["names_in"]) == len(notes["units_in"]) == net.n_in == 3
    assert len(notes["names_out"]) == len(notes["units_out"]) == net.n_out == 2
    assert net.dtype == np.float64


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("train_pendulum", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(SCRIPT.parent)
        spec.loader.exec_module(module)
    return module


def test_physics_of_script_is_that_of_this_test(script):
    x = np.random.default_rng(8).uniform(-1, 1, (5, 3)) * script.DOMAIN
    np.testing.assert_allclose(script.next_state(x), [physics(*point)[0] for point in x], rtol=0, atol=1e-7)


def test_shipped_network_is_as_accurate_as_it_says(script):
    net, notes = bundled()
    error_y, error_J = script.errors(net, n_points=512)
    assert error_y.max() < 1e-4 and error_J.max() < 1e-2
    claimed = float(notes["accuracy"].split()[-1]), float(notes["accuracy"].split("value ")[1].split(",")[0])
    assert error_J.max() < 1.5 * claimed[0]
    assert error_y.max() < 1.5 * claimed[1]


def test_training_converges(script, monkeypatch):
    monkeypatch.setattr(script, "WIDTHS", (3, 6, 6, 2))
    reports = []
    net = script.train(n_points=256, n_iterations=30, report=reports.append)
    assert isinstance(net, fj.Network)
    assert len(reports) == 3
    error_y, _ = script.errors(net, n_points=256)
    assert error_y.max() < 0.05
