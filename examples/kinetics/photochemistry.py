"""Ozone, oxygen atoms and nitrogen oxides in the stratosphere: the mechanism that the network learns.

The Chapman cycle with the catalytic cycle of NO: seven species, two of them (O2 and the air, M) so abundant that
they stay as they are, ten reactions, five of them driven by light. Rate constants in cm^3, molecules and seconds, as
the test problem "small_strato" of the Kinetic PreProcessor (KPP) has them.

Species decay within microseconds (O1D), seconds (O), minutes (NO2) and weeks (O3), so the equations are stiff. They
are solved for the logarithms u = ln y of the densities y in molecules/cm^3, which keeps densities positive:
du/dt = S r(u, sun) / y.
"""

import numpy as np

SPECIES = ("O1D", "O", "O3", "NO", "NO2")
O2, AIR = 1.697e16, 8.120e16  # molecules/cm^3
START = np.array([9.906e1, 6.624e8, 5.326e11, 8.725e8, 2.240e8])  # molecules/cm^3, at noon
DAY = 86400.0  # s

#        reaction              constant   sun O1D  O  O3 NO NO2   change of O1D  O O3 NO NO2
TABLE = [
    ("O2 + light -> 2 O",    2.643e-10 * O2,   3, (0, 0, 0, 0, 0), (0, 2, 0, 0, 0)),
    ("O + O2 -> O3",         8.018e-17 * O2,   0, (0, 1, 0, 0, 0), (0, -1, 1, 0, 0)),
    ("O3 + light -> O + O2", 6.120e-04,        1, (0, 0, 1, 0, 0), (0, 1, -1, 0, 0)),
    ("O + O3 -> 2 O2",       1.576e-15,        0, (0, 1, 1, 0, 0), (0, -1, -1, 0, 0)),
    ("O3 + light -> O1D + O2", 1.070e-03,      2, (0, 0, 1, 0, 0), (1, 0, -1, 0, 0)),
    ("O1D + M -> O + M",     7.110e-11 * AIR,  0, (1, 0, 0, 0, 0), (-1, 1, 0, 0, 0)),
    ("O1D + O3 -> 2 O2",     1.200e-10,        0, (1, 0, 1, 0, 0), (-1, 0, -1, 0, 0)),
    ("NO + O3 -> NO2 + O2",  6.062e-15,        0, (0, 0, 1, 1, 0), (0, 0, -1, -1, 1)),
    ("NO2 + O -> NO + O2",   1.069e-11,        0, (0, 1, 0, 0, 1), (0, -1, 0, 1, -1)),
    ("NO2 + light -> NO + O", 1.289e-02,       1, (0, 0, 0, 0, 1), (0, 1, 0, 1, -1)),
]  # fmt: skip
LOG_CONSTANTS = np.log([row[1] for row in TABLE])
LIGHT = np.array([row[2] for row in TABLE], float)
ORDERS = np.array([row[3] for row in TABLE], float)  # (n_reactions, n_species)
STOICHIOMETRY = np.array([row[4] for row in TABLE], float)  # (n_reactions, n_species)


def sun(t):
    """Light of a polar summer, relative to the most: the sun sinks at midnight but does not set; t = 0 is noon."""
    return 0.5 + 0.4 * np.cos(2 * np.pi * t / DAY)


def log_rates(x):
    """Logarithms of the rates (..., 10), in molecules/(cm^3 s), at x = (u, sun) of shape (..., 6)."""
    return LOG_CONSTANTS + x[..., :5] @ ORDERS.T + LIGHT * np.log(x[..., 5:])


def slope(t, u):
    """du/dt, by the mechanism itself."""
    return np.exp(log_rates(np.append(u, sun(t)))) @ STOICHIOMETRY * np.exp(-u)


def slope_jacobian(t, u):
    """Derivative of `slope` by u, by hand."""
    rates = np.exp(log_rates(np.append(u, sun(t))))
    change = rates @ STOICHIOMETRY
    return np.exp(-u)[:, None] * ((STOICHIOMETRY.T * rates) @ ORDERS - np.diag(change))
