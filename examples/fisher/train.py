"""Train an emulator of power spectra: the network of the fisher example.

    python examples/fisher/train.py            # writes examples/fisher/fisher.npz

The network gives the coefficients of a few principal components; the components themselves are multiplied into its
last layer.
"""

import sys
from pathlib import Path

import numpy as np
from spectrum import HIGHEST, LOWEST, PARAMETERS, log_power

import fastjac as fj

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from training import Box, fit, initial, layers, train_and_write

BOX = Box(LOWEST, HIGHEST)
N_COMPONENTS = 12
WIDTHS = (6, 20, 20, N_COMPONENTS)


def train(n_points=1024, n_iterations=150, report=print):
    """The trained network, parameters -> ln P."""
    x = BOX.sample(n_points, seed=1)
    spectra = log_power(x)
    mean = spectra.mean(axis=0)
    _, _, components = np.linalg.svd(spectra - mean, full_matrices=False)
    components = components[:N_COMPONENTS]
    target = (spectra - mean) @ components.T
    scale = target.std(axis=0) ** 0.5  # between the same relative and the same absolute error of each
    p = initial(WIDTHS, seed=2)
    p = fit(BOX.scaled(x), target / scale, p, WIDTHS, n_iterations, report)
    return fj.Network(layers(p, WIDTHS, BOX, mean, scale[:, None] * components))


def error_of_log_power(net, n_points=1024):
    """RMS error of ln P at new points, in other words the relative error of P."""
    x = BOX.sample(n_points, seed=3)
    return np.sqrt(np.mean((net(x) - log_power(x)) ** 2))


def accuracy(net):
    return f"RMS error of ln P at new points: {error_of_log_power(net):.1e}"


if __name__ == "__main__":
    train_and_write(
        __doc__,
        HERE / "fisher.npz",
        train,
        accuracy,
        description="Matter power spectrum of a toy universe: six parameters -> ln P at three redshifts",
        domain=f"{LOWEST} to {HIGHEST}",
        names_in=list(PARAMETERS),
    )
