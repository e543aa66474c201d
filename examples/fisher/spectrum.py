"""The matter power spectrum of a toy universe: the observable that the network emulates.

Six parameters of a flat universe give ln P(k) at three redshifts and 64 wavenumbers each. The broad shape is the
fit of Bardeen, Bond, Kaiser and Szalay with Sugiyama's correction for baryons; the baryons' oscillations are a damped
sine of the sound horizon; growth follows from its differential equation; a survey that takes another
universe for granted sees wavenumbers shifted (Alcock and Paczynski). The parameters act as they do in the sky;
percents are not to be trusted. Everything is analytic and may be complex.
"""

import numpy as np
from scipy.integrate import simpson

PARAMETERS = ("Ωm", "Ωb", "h", "ns", "σ8", "w")
FIDUCIAL = np.array([0.31, 0.049, 0.68, 0.965, 0.81, -1.0])
LOWEST = np.array([0.25, 0.040, 0.60, 0.90, 0.70, -1.3])
HIGHEST = np.array([0.37, 0.058, 0.76, 1.03, 0.92, -0.7])

REDSHIFTS = np.array([0.4, 0.8, 1.4])
VOLUMES = np.array([2e9, 4e9, 8e9])  # of the survey, (Mpc/h)^3
GALAXIES = 5e-4  # per (Mpc/h)^3
WIDTH = 0.004  # of a bin of wavenumbers, h/Mpc
WAVENUMBERS = 0.01 + WIDTH * np.arange(64)
SPEED = 2997.92458  # of light by 100 km/s/Mpc, Mpc/h


def log_power(theta):
    """ln P in (Mpc/h)^3 at parameters (..., 6): (..., 192), the wavenumbers of one redshift after the other."""
    theta = np.asarray(theta)
    squeeze = (dilation(FIDUCIAL) / dilation(theta))[..., None]  # (..., n_redshifts, 1)
    p = log_shape(WAVENUMBERS * squeeze, theta[..., None, None, :])
    p = p + 2 * np.log(growth(theta))[..., None] - amplitude(theta)[..., None, None] + 3 * np.log(squeeze)
    return p.reshape(*theta.shape[:-1], -1)


def log_shape(k, theta):
    """ln P at redshift 0 at wavenumbers k in h/Mpc, up to a constant."""
    matter, baryons, h, tilt = (theta[..., i] for i in range(4))
    q = k / (matter * h * np.exp(-baryons * (1 + np.sqrt(2 * h) / matter)))
    cold = np.log(np.log(1 + 2.34 * q) / (2.34 * q))
    cold = cold - 0.25 * np.log(1 + 3.89 * q + (16.1 * q) ** 2 + (5.46 * q) ** 3 + (6.71 * q) ** 4)
    horizon = 147.1 * h * (baryons * h**2 / 0.0224) ** -0.13 * (matter * h**2 / 0.143) ** -0.23  # Mpc/h
    wiggles = 0.4 * baryons / matter * np.sin(k * horizon) * np.exp(-((k / 0.14) ** 1.4))
    return tilt * np.log(k) + 2 * cold + np.log(1 + wiggles)


def amplitude(theta):
    """ln of the constant by which the shape must be divided for the given σ8."""
    x = np.linspace(np.log(1e-4), np.log(10), 513)
    k = np.exp(x)
    ball = 3 * (np.sin(8 * k) - 8 * k * np.cos(8 * k)) / (8 * k) ** 3
    variance = simpson(np.exp(log_shape(k, theta[..., None, :]) + 3 * x) * ball**2 / (2 * np.pi**2), x=x, axis=-1)
    return np.log(variance) - 2 * np.log(theta[..., 4])


def expansion(a, theta):
    """(H / H0)^2, and the share of matter, at scale factors a."""
    matter, w = theta[..., 0], theta[..., 5]
    total = matter * a**-3.0 + (1 - matter) * np.exp(-3 * (1 + w) * np.log(a))
    return total, matter * a**-3.0 / total


def growth(theta, n_steps=48):
    """Growth of structures until each redshift relative to today, (..., n_redshifts)."""
    # D'' + (2 + H'/H) D' = 3/2 Ω D by the logarithm of a, from D = a early on; Runge-Kutta, to each stop in turn.
    state = np.stack([np.full(theta.shape[:-1], 0.01 + 0 * theta[..., 0]), 0.01 + 0 * theta[..., 0]])
    stops = np.log([0.01, *(1 / (1 + REDSHIFTS[::-1])), 1.0])
    w = theta[..., 5]

    def slope(x, state):
        _, matter = expansion(np.exp(x), theta)
        friction = 0.5 - 1.5 * w * (1 - matter)
        return np.stack([state[1], 1.5 * matter * state[0] - friction * state[1]])

    found = []
    for start, stop in zip(stops, stops[1:]):
        dx = (stop - start) / n_steps
        for x in start + dx * np.arange(n_steps):
            k1 = slope(x, state)
            k2 = slope(x + dx / 2, state + dx / 2 * k1)
            k3 = slope(x + dx / 2, state + dx / 2 * k2)
            k4 = slope(x + dx, state + dx * k3)
            state = state + dx / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        found.append(state[0])
    return np.stack(found[2::-1], axis=-1) / found[-1][..., None]


def dilation(theta):
    """Mean of the distances across and along the line of sight in Mpc/h, (..., n_redshifts)."""
    nodes, weights = np.polynomial.legendre.leggauss(24)
    z = REDSHIFTS[:, None] * (nodes + 1) / 2
    total, _ = expansion(1 / (1 + z), theta[..., None, None, :])
    across = SPEED * REDSHIFTS * np.sum(weights / 2 / np.sqrt(total), axis=-1)
    total, _ = expansion(1 / (1 + REDSHIFTS), theta[..., None, :])
    return (across**2 * SPEED * REDSHIFTS / np.sqrt(total)) ** (1 / 3)


def log_power_jacobian(theta):
    """Derivative of `log_power` by the parameters, (192, 6), by the complex step."""
    h = 1e-200
    return log_power(theta + 1j * h * np.eye(6)).imag.T / h


def precision():
    """Inverse variances (192,) of ln P as the survey measures it: few waves fit into it, few galaxies sample them."""
    n_waves = VOLUMES[:, None] * WAVENUMBERS**2 * WIDTH / (2 * np.pi**2)
    power = np.exp(log_power(FIDUCIAL)).reshape(len(REDSHIFTS), -1)
    return (n_waves / 2 / (1 + 1 / (GALAXIES * power)) ** 2).ravel()
