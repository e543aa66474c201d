"""The core of a tokamak: heat of ions and electrons, its sources, and its transport by turbulence, by QLKNN.

Circular, concentric flux surfaces of a machine with R = 3 m, a = 1 m, B = 3 T. Density and safety factor are given;
the temperatures in keV of ions and electrons, columns 0 and 1, are the unknowns. SI but for those.

Normalisations are those of QuaLiKiz as the transport code TORAX uses them: fluxes in n T χ_GB / a of their species,
with χ_GB = sqrt(m_i) T_i^1.5 / (e² B² a); gradients as R / L. The collisionality is ν* = ν_e q R / (ε^1.5 v_e), its
collision time and Coulomb logarithm as in Wesson's "Tokamaks".
"""

import numpy as np

import fastjac as fj

R, A, B = 3.0, 1.0, 3.0
KEV, CHARGE = 1.602176634e-16, 1.602176634e-19
ELECTRON, ION = 9.1093837e-31, 2 * 1.66053907e-27  # masses; deuterium
FUEL, Z_EFF = 0.9, 1.5  # deuterons per electron beside 1.7 % of carbon
POWER = np.array([8e6, 7e6])  # W to ions and to electrons
BOUNDARY, EDGE = 0.9, np.array([1.2, 1.2])  # r/a where the temperatures are held, and these
INNER, INNER_CHI, LEAST_CHI = 0.15, 2.0, 0.3  # up to this r/a no turbulence but so many m²/s; and so many elsewhere
TARGETS = [0, 1, 2, 3, 5]  # ITG's ion flux, its electrons' share; TEM's electron flux, its ions' share; ETG's
VARIED = [0, 1, 7, 8]  # R/L_Ti, R/L_Te, T_i/T_e, log10 ν*


def read(folder):
    """QLKNN with physical inputs and outputs, from the ONNX file of the package, before it combines its outputs."""
    return fj.from_onnx(folder / "qlknn" / "models" / "qlknn_7_11.onnx", output="/Add_output_0", dtype=np.float64)


def density(x):
    """Electrons per m³ at r/a, and R/L of it."""
    return 5e19 * (1 - 0.4 * x**2), R / A * 0.8 * x / (1 - 0.4 * x**2)


def safety_factor(x):
    """At r/a, and its shear."""
    return 1 + 2.5 * x**2, 5 * x**2 / (1 + 2.5 * x**2)


def collision_rate(n, T_e):
    """Of electrons with ions of charge 1, per s, and its derivative by T_e, per s per keV."""
    logarithm = 15.2 - 0.5 * np.log(n / 1e20) + np.log(T_e)
    rate = n * logarithm / (1.09e16 * T_e**1.5)
    return rate, rate * (1 / logarithm - 1.5) / T_e


class Core:
    """n cells of equal width from the axis to the boundary; `part` is called like QLKNN with `VARIED` and `TARGETS`.

    T is (n, 2): ions, electrons; face k is the outer one of cell k.
    """

    def __init__(self, part, n=100):
        self.part, self.n = part, n
        edges = np.linspace(0, BOUNDARY * A, n + 1)
        self.r = (edges[1:] + edges[:-1]) / 2
        self.width = np.append(np.full(n - 1, edges[1]), edges[1] / 2)  # between the temperatures beside a face
        self.area = 4 * np.pi**2 * R * edges[1:]
        volume = 2 * np.pi**2 * R * np.diff(edges**2)
        self.n_e = density(self.r / A)[0]
        self.content = 1.5 * KEV * (volume * self.n_e)[:, None] * [FUEL, 1]  # J per keV
        heating = np.exp(-((self.r / (0.3 * A)) ** 2))
        self.heating = np.outer(heating * volume / (heating @ volume), POWER)  # W

        self.x = edges[1:] / A
        self.turbulent = self.x >= INNER
        self.chi = np.where(self.turbulent, LEAST_CHI, INNER_CHI)
        n_e, gradient = density(self.x)
        q, shear = safety_factor(self.x)
        self.n_face = n_e[:, None] * [FUEL, 1]
        self.bounce = q * R / ((self.x * A / R) ** 1.5 * np.sqrt(KEV / ELECTRON))  # times T_e^-0.5: a time
        none = np.zeros(n)
        self.given = np.column_stack([none, none, gradient, gradient, q, shear, self.x, none, none, none + FUEL])

    # ------------------------------------------------------------------------------------------------- the fluxes

    def inputs(self, T, slope):
        """Those of QLKNN (n, 10) at faces with temperatures and slopes (n, 2).

        And the derivatives (n, 4, 4) of `VARIED` by T_i, T_e, and their slopes.
        """
        T_i, T_e = T.T
        rate, by_T_e = collision_rate(self.n_face[:, 1], T_e)
        x = self.given.copy()
        x[:, :2] = -R * slope / T
        x[:, 7] = T_i / T_e
        x[:, 8] = np.log10(Z_EFF * rate * self.bounce / np.sqrt(T_e))
        D = np.zeros((self.n, 4, 4))
        for k in (0, 1):
            D[:, k, k], D[:, k, 2 + k] = R * slope[:, k] / T[:, k] ** 2, -R / T[:, k]
        D[:, 2, 0], D[:, 2, 1] = 1 / T_e, -T_i / T_e**2
        D[:, 3, 1] = (by_T_e / rate - 0.5 / T_e) / np.log(10)
        return x, D

    def flux(self, T, slope):
        """Heat fluxes (n, 2) in W/m², and their derivatives (n, 2, 4) by T_i, T_e in keV, and their slopes per m."""
        x, D = self.inputs(T, slope)
        y, J = self.part.value_and_jacobian(x)
        modes, (_, share_e, _, share_i, _) = y[:, [0, 2, 4]], y.T
        itg, tem, etg = np.maximum(modes, 0).T
        F = np.column_stack([itg + share_i * tem, share_e * itg + tem + etg])
        itg_on, tem_on, etg_on = (modes > 0).T
        none = np.zeros(self.n)
        ions, electrons = [itg_on, none, share_i * tem_on, tem, none], [share_e * itg_on, itg, tem_on, none, etg_on]
        by_y = np.moveaxis(np.array([ions, electrons]), -1, 0)
        chi_GB = np.sqrt(ION) * (KEV * T[:, :1]) ** 1.5 / (CHARGE * B) ** 2 / A
        unit = self.turbulent[:, None] * KEV * self.n_face * T * chi_GB / A
        by = unit[:, :, None] * (by_y @ J @ D)
        q = unit * F
        by[:, :, 0] += 1.5 * q / T[:, :1]
        for k in (0, 1):
            by[:, k, k] += q[:, k] / T[:, k]
            by[:, k, 2 + k] -= KEV * self.n_face[:, k] * self.chi
        return q - KEV * self.n_face * self.chi[:, None] * slope, by

    # ---------------------------------------------------------------------------------------------- one time step

    def at_faces(self, T):
        """Temperatures and slopes at the faces, (n, 2) each."""
        beyond = np.vstack([T[1:], EDGE])
        return np.vstack([(T[:-1] + T[1:]) / 2, EDGE]), (beyond - T) / self.width[:, None]

    def exchange(self, T):
        """Heat from electrons to ions (n,) in W, and its derivatives by T_i, T_e (n, 2).

        As in pure deuterium: charge over mass is the same for carbon.
        """
        rate, by_T_e = collision_rate(self.n_e, T[:, 1])
        factor = 2 * ELECTRON / ION * self.content[:, 1]
        gap = T[:, 1] - T[:, 0]
        return factor * rate * gap, factor[:, None] * np.column_stack([-rate, rate + by_T_e * gap])

    def residual(self, T, before, step, flux, share=1.0):
        """Of a step of backward Euler in s with a share of the heating, (n, 2) in keV; and its derivative by T.

        That is (7, 2 n), the diagonals of a matrix in the form of `scipy.linalg.solve_banded`. `flux` is called like
        `Core.flux`; what it gives for the derivatives goes into the matrix.
        """
        at, slope = self.at_faces(T)
        q, by = flux(at, slope)
        heat, by_T = self.exchange(T)
        out = self.area[:, None] * q
        gain = share * self.heating + np.outer(heat, [1, -1]) - out
        gain[1:] += out[:-1]
        per = step / self.content

        by = self.area[:, None, None] * by
        own = by[:, :, :2] / 2 - by[:, :, 2:] / self.width[:, None, None]  # by the cell within the face
        own[-1] -= by[-1, :, :2] / 2  # whose temperature is given there
        next_ = by[:-1, :, :2] / 2 + by[:-1, :, 2:] / self.width[:-1, None, None]
        diagonal = own - np.stack([by_T, -by_T], axis=1)
        diagonal[1:] -= next_
        diagonal = np.eye(2) + per[:, :, None] * diagonal
        above, below = per[:-1, :, None] * next_, -per[1:, :, None] * own[:-1]
        band = np.zeros((7, 2 * self.n))
        for i in (0, 1):
            for j in (0, 1):
                band[3 + i - j, j::2] = diagonal[:, i, j]
                band[1 + i - j, 2 + j :: 2] = above[:, i, j]
                band[5 + i - j, j:-2:2] = below[:, i, j]
        return T - before - per * gain, band
