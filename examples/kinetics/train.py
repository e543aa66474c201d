"""Train the rates of a stratospheric mechanism: the network of the kinetics example.

    python examples/kinetics/train.py            # writes examples/kinetics/kinetics.npz

The network sees densities, the light and the rates of the ten reactions there, not the rate laws. Its hidden layers and
the next one give the logarithm of each rate, exp makes the rate of it, and the last layer, which is not trained,
is the stoichiometry: the network conserves atoms as the mechanism does.
"""

import sys
from pathlib import Path

import numpy as np
from photochemistry import LIGHT, SPECIES, STOICHIOMETRY, log_rates

import fastjac as fj

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from training import Box, fit, initial, layers, train_and_write

LOWEST = [5e-1, 1e7, 2e11, 1e7, 1e7]  # densities in molecules/cm^3
HIGHEST = [5e2, 2e9, 1.2e12, 2e9, 2e9]
BOX = Box(np.append(np.log(LOWEST), 0.08), np.append(np.log(HIGHEST), 1.0))  # of (ln y, sun)
WIDTHS = (6, 16, 16, len(LIGHT))


def train(n_points=2048, n_iterations=250, report=print):
    """The trained network, (ln y, sun) -> dy/dt in molecules/(cm^3 s)."""
    x = BOX.sample(n_points, seed=1)
    target = log_rates(x)
    mean, scale = target.mean(axis=0), target.std(axis=0)
    p = initial(WIDTHS, seed=2)
    p = fit(BOX.scaled(x), (target - mean) / scale, p, WIDTHS, n_iterations, report)
    *hidden, logs = layers(p, WIDTHS, BOX, mean, scale)
    return fj.Network([*hidden, fj.Layer(logs.W, logs.b, "exp"), fj.Layer(STOICHIOMETRY)])


def error_of_rates(net, n_points=4096):
    """Root mean square of the relative errors of all rates at new points."""
    x = BOX.sample(n_points, seed=3)
    return np.sqrt(np.mean((fj.Network(net.parts[:-1])(x) / np.exp(log_rates(x)) - 1) ** 2))


def accuracy(net):
    return f"relative RMS error of the rates at new points: {error_of_rates(net):.1e}"


if __name__ == "__main__":
    train_and_write(
        __doc__,
        HERE / "kinetics.npz",
        train,
        accuracy,
        description="Stratospheric ozone: logarithms of densities and the light -> rates of change of the densities",
        domain=f"densities from {LOWEST} to {HIGHEST} molecules/cm^3, light from 0.08 to 1",
        names_in=[f"ln {name}" for name in SPECIES] + ["sun"],
        names_out=[f"d{name}/dt" for name in SPECIES],
    )
