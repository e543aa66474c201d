"""Train the motion of a car over one millisecond: the network of the ekf example.

    python examples/ekf/train.py            # writes examples/ekf/ekf.npz

What is trained is the mean acceleration within the millisecond; that the next state is the state plus the change is put
in by hand.
"""

import sys
from pathlib import Path

import numpy as np
from vehicle import SAMPLE_TIME, STATES, UNITS, next_state

import fastjac as fj

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from training import Box, fit, initial, layers, train_and_write, with_identity

BOX = Box([16.0, -2.5, -0.7, -0.1, 0.0], [30.0, 2.5, 0.7, 0.1, 1500.0])  # of state and controls
WIDTHS = (5, 20, 20, 3)


def train(n_points=4096, n_iterations=200, report=print):
    """The trained network, (state, controls) -> state one millisecond later."""
    x = BOX.sample(n_points, seed=1)
    target = (next_state(x) - x[:, :3]) / SAMPLE_TIME
    mean, scale = target.mean(axis=0), target.std(axis=0)
    p = initial(WIDTHS, seed=2)
    p = fit(BOX.scaled(x), (target - mean) / scale, p, WIDTHS, n_iterations, report)
    *hidden, last = layers(p, WIDTHS, BOX, mean, scale)
    return fj.Network(with_identity(hidden, last, BOX, 3, SAMPLE_TIME))


def error_of_acceleration(net, n_points=4096):
    """RMS error of the acceleration at new points relative to its RMS, worst state."""
    x = BOX.sample(n_points, seed=3)
    true, learned = next_state(x) - x[:, :3], net(x) - x[:, :3]
    return (np.sqrt(np.mean((learned - true) ** 2, axis=0)) / np.sqrt(np.mean(true**2, axis=0))).max()


def accuracy(net):
    return f"relative RMS error of the acceleration at new points: {error_of_acceleration(net):.1e}"


if __name__ == "__main__":
    train_and_write(
        __doc__,
        HERE / "ekf.npz",
        train,
        accuracy,
        description="A car that slips, 1 ms: state, controls -> next state",
        domain=f"{BOX.centre - BOX.half} to {BOX.centre + BOX.half}",
        names_in=[*STATES, "steering angle", "force"],
        units_in=[*UNITS, "rad", "N"],
        names_out=[f"next {name}" for name in STATES],
        units_out=list(UNITS),
    )
