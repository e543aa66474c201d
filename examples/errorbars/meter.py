"""The flow meter of the errorbars example: air through an orifice, and the errors of what is measured beside it.

Made up, with the textbook formula: a plate with a hole of 50 mm in a pipe of 100 mm, for which the pressure drop over
it, the pressure and the temperature of the air give the mass flow.
"""

import numpy as np

LOW = np.array([0.5, 150.0, 270.0])  # pressure drop kPa, pressure kPa, temperature K
HIGH = np.array([25.0, 700.0, 330.0])
REFERENCE = 0.002  # relative error of the standard that the meter was calibrated with
CORRELATION = np.array([[1, 0.6, 0], [0.6, 1, 0], [0, 0, 1]])  # both transmitters drift with the room


def flow(x):
    """Mass flow (...,) in kg/s of conditions x (..., 3)."""
    drop, pressure, temperature = np.moveaxis(x, -1, 0)
    density = 1e3 * pressure / (287.05 * temperature)
    expansion = 1 - 0.37 * drop / pressure
    return 0.61 * expansion * np.pi / 4 * 0.05**2 * np.sqrt(2e3 * drop * density / (1 - 0.5**4))


def conditions(n, seed):
    """Conditions (n, 3), small pressure drops as often as large ones."""
    u = np.random.default_rng(seed).random((n, 3))
    x = LOW + (HIGH - LOW) * u
    x[:, 0] = LOW[0] * (HIGH[0] / LOW[0]) ** u[:, 0]
    return x


def calibration(n=1000, seed=1):
    """Conditions (n, 3) and what the reference read (n,) in kg/s."""
    x = conditions(n, seed)
    return x, flow(x) * (1 + REFERENCE * np.random.default_rng(seed + 1).standard_normal(n))


def covariance(x):
    """That of the errors in the field, (..., 3, 3): 0.04 kPa and 0.5 %, 0.5 % of the pressure, 1 K."""
    drop, pressure, temperature = np.moveaxis(x, -1, 0)
    sigma = np.stack([np.hypot(0.04, 0.005 * drop), 0.005 * pressure, np.ones_like(temperature)], axis=-1)
    return sigma[..., :, None] * CORRELATION * sigma[..., None, :]


def readings(x, n_draws, seed):
    """What the instruments could show at x (n, 3), (n_draws, n, 3)."""
    z = np.random.default_rng(seed).standard_normal((n_draws, *x.shape))
    return x + np.einsum("nij,dnj->dni", np.linalg.cholesky(covariance(x)), z)
