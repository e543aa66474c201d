"""Airfoils by Kulfan's weights: with the class function sqrt(x) (1 - x), the surfaces are linear in the weights."""

import numpy as np
from scipy.special import binom


def surface(x):
    """(2, n, 18) for x (n,) over the chord: upper and lower y of the first 18 parameters are `surface(x) @ p`."""
    x = np.asarray(x)[:, None]
    k = np.arange(8)
    weights = np.sqrt(x) * (1 - x) * binom(7, k) * x**k * (1 - x) ** (7 - k)
    nothing, leading, trailing = np.zeros_like(weights), x * (1 - x) ** 8.5, x / 2
    upper, lower = [weights, nothing, leading, trailing], [nothing, weights, leading, -trailing]
    return np.stack([np.hstack(upper), np.hstack(lower)])


def naca(camber, place, thickness, n=200):
    """The first 18 parameters that fit a four-digit NACA airfoil, all arguments over the chord, by least squares.

    Its thickness is laid upon the camber line upwards and downwards instead of perpendicularly.
    """
    x = (1 - np.cos(np.linspace(0, np.pi, n))) / 2
    behind = (1 - 2 * place + 2 * place * x - x**2) / (1 - place) ** 2
    line = camber * np.where(x < place, (2 * place - x) * x / place**2, behind)
    half = 5 * thickness * (0.2969 * np.sqrt(x) - 0.126 * x - 0.3516 * x**2 + 0.2843 * x**3 - 0.1015 * x**4)
    return np.linalg.lstsq(np.vstack(surface(x)), np.concatenate([line + half, line - half]))[0]
