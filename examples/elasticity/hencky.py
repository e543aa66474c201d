"""Hencky's law in plane stress, which the network of this example learns.

Deformation theory takes a polymer or a metal under growing load as nonlinearly elastic. With the deviator e of the
strain and its equivalent q, q^2 = 2/3 e:e,

    stress = K tr(strain) I + 2 G(q) e,        G(q) = G0 ((1 - h) / sqrt(1 + (q / q0)^2) + h).

In plane stress the strain through the thickness is what makes the stress there zero: an equation to be solved at every
point, of which the network is free.
"""

import numpy as np

BULK, SHEAR = 3300.0, 870.0  # K, G0 in MPa
KNEE, HARDENING = 0.025, 0.05  # q0, h


def stress(strain):
    """Stresses (n_points, 3), xx, yy and xy in MPa, for strains xx, yy and engineering shear xy, real or complex."""
    xx, yy, xy = strain.T
    zz = -0.6 * (xx + yy)
    for _ in range(10):  # of Newton's method; the last is for what a complex step adds
        trace = xx + yy + zz
        e_zz = zz - trace / 3
        q2 = 2 / 3 * ((xx - trace / 3) ** 2 + (yy - trace / 3) ** 2 + e_zz**2 + xy**2 / 2)
        root = np.sqrt(1 + q2 / KNEE**2)
        G = SHEAR * ((1 - HARDENING) / root + HARDENING)
        slope = -SHEAR * (1 - HARDENING) / (2 * KNEE**2 * root**3)  # dG/d(q^2); d(q^2)/d(zz) = 4/3 e_zz
        zz = zz - (BULK * trace + 2 * G * e_zz) / (BULK + 4 / 3 * G + 8 / 3 * slope * e_zz**2)
    return np.stack([BULK * trace + 2 * G * (xx - trace / 3), BULK * trace + 2 * G * (yy - trace / 3), G * xy], axis=1)


def tangent(strain):
    """dstress/dstrain (n_points, 3, 3) in MPa, by complex steps."""
    return np.stack([stress(strain + 1e-30j * direction).imag / 1e-30 for direction in np.eye(3)], axis=2)
