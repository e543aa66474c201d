"""Train a model of a pole on a cart, one sample of 50 ms: the network of the MPC example.

    python examples/mpc/train.py            # writes examples/mpc/mpc.npz

The network maps (position, angle, velocity, angular velocity, force) to the change of the state over a sample, which it
learns to more digits than the state itself, most of which is the state before. It sees the states one sample later
alone, no derivatives.
"""

import sys
from pathlib import Path

import numpy as np
from cartpole import CART, GRAVITY, LENGTH, MASS, SAMPLE_TIME, next_state

import fastjac as fj

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from training import Box, fit, initial, layers, train_and_write

BOX = Box([-1.5, -1.5, -5, -12, -15], [1.5, 4.7, 5, 12, 15])
WIDTHS = (5, 24, 24, 4)


def change(x):
    """The state one sample later less that before, for x = (state, force), (n_points, 5)."""
    return next_state(x[:, :4], x[:, 4]) - x[:, :4]


def train(n_points=4096, n_iterations=150, widths=WIDTHS, report=print):
    """The trained network, (state, force) -> change of the state."""
    x = BOX.sample(n_points, seed=1)
    target = change(x)
    mean, scale = target.mean(axis=0), target.std(axis=0)
    p = fit(BOX.scaled(x), (target - mean) / scale, initial(widths, seed=2), widths, n_iterations, report)
    return fj.Network(layers(p, widths, BOX, mean, scale))


def errors(net, n_points=4096):
    """RMS errors at new points, by component: of the change relative to its spread, of J relative to its RMS."""
    x = BOX.sample(n_points, seed=3)
    y = change(x)
    h = 1e-30
    J = np.stack([change(x + 1j * h * direction).imag / h for direction in np.eye(5)], axis=2)
    error_J = np.sqrt(np.mean((net.jacobian(x) - J) ** 2, axis=(0, 2)) / np.mean(J**2, axis=(0, 2)))
    return np.sqrt(np.mean((net(x) - y) ** 2, axis=0)) / y.std(axis=0), error_J


def accuracy(net):
    return "relative RMS error at new points: value {:.0e}, Jacobian {:.0e}".format(*map(max, errors(net)))


if __name__ == "__main__":
    train_and_write(
        __doc__,
        HERE / "mpc.npz",
        train,
        accuracy,
        description=f"Pole on a cart, {1000 * SAMPLE_TIME:g} ms: state and force -> change of the state",
        domain=f"between {BOX.centre - BOX.half} and {BOX.centre + BOX.half}",
        physics=f"cart {CART:g} kg, point mass {MASS:g} kg, rod {LENGTH:g} m, gravity {GRAVITY:g} m/s^2, force held",
        names_in=["position", "angle", "velocity", "angular velocity", "force"],
        units_in=["m", "rad", "m/s", "rad/s", "N"],
        names_out=["change of position", "of angle", "of velocity", "of angular velocity"],
        units_out=["m", "rad", "m/s", "rad/s"],
    )
