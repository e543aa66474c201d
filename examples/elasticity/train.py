"""Train a law of stress and strain: the network of the elasticity example.

    python examples/elasticity/train.py            # writes examples/elasticity/elasticity.npz

It maps strain to stress in plane stress and sees the stresses of `hencky.py`, neither their derivatives nor their
potential.
"""

import sys
from pathlib import Path

import numpy as np
from hencky import BULK, HARDENING, KNEE, SHEAR, stress, tangent

import fastjac as fj

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from training import Box, fit, initial, layers, train_and_write

LARGEST = 0.1
BOX = Box([-LARGEST] * 3, [LARGEST] * 3)
WIDTHS = (3, 20, 20, 3)


def train(n_points=4096, n_iterations=200, widths=WIDTHS, report=print):
    """The trained network, strain -> stress in MPa."""
    x = BOX.sample(n_points, seed=1)
    target = stress(x)
    mean, scale = target.mean(axis=0), target.std(axis=0)
    p = fit(BOX.scaled(x), (target - mean) / scale, initial(widths, seed=2), widths, n_iterations, report)
    return fj.Network(layers(p, widths, BOX, mean, scale))


def errors(net, n_points=4096):
    """RMS errors at new points, of the stress relative to its spread, of the tangent relative to its RMS."""
    x = BOX.sample(n_points, seed=3)
    y, C = stress(x), tangent(x)
    error_C = np.sqrt(np.mean((net.jacobian(x) - C) ** 2) / np.mean(C**2))
    return np.sqrt(np.mean((net(x) - y) ** 2)) / y.std(), error_C


def accuracy(net):
    return "relative RMS error at new points: stress {:.0e}, tangent {:.0e}".format(*errors(net))


if __name__ == "__main__":
    train_and_write(
        __doc__,
        HERE / "elasticity.npz",
        train,
        accuracy,
        description="Hencky's law in plane stress: strain -> stress",
        domain=f"|strain| <= {LARGEST:g} in each component",
        physics=f"K = {BULK:g} MPa, G0 = {SHEAR:g} MPa, q0 = {KNEE:g}, h = {HARDENING:g}",
        names_in=["strain xx", "strain yy", "engineering shear xy"],
        units_in=["1", "1", "1"],
        names_out=["stress xx", "stress yy", "stress xy"],
        units_out=["MPa", "MPa", "MPa"],
    )
