"""The same coefficients by NeuralFoil's own Python code, which needs AeroSandbox; to be timed beside fastjac."""

import numpy as np
from aerodynamics import ANGLE, NAMES


class Authors:
    """p (..., 23) -> (confidence, CL, CD, CM), by the network of that size."""

    n_in = len(NAMES)

    def __init__(self, size):
        self.size = size

    def __call__(self, p):
        return np.stack(self._results(p.reshape(-1, self.n_in).T), axis=-1).reshape(*p.shape[:-1], 4)

    def _results(self, columns):
        """The four results of 23 columns, which may be symbols of CasADi."""
        import neuralfoil

        shape = {
            "upper_weights": columns[:8],
            "lower_weights": columns[8:16],
            "leading_edge_weight": columns[16],
            "TE_thickness": columns[17],
        }
        flow = [columns[k] for k in range(ANGLE, self.n_in)]
        found = neuralfoil.get_aero_from_kulfan_parameters(shape, *flow, model_size=self.size)
        return [found[name] for name in ("analysis_confidence", "CL", "CD", "CM")]


class AuthorsDerived(Authors):
    """With the derivatives (n, 4, 23) that CasADi makes of that code, for p (n, 23), point by point."""

    def __init__(self, size):
        import casadi

        super().__init__(size)
        p = casadi.MX.sym("p", self.n_in)
        y = casadi.vertcat(*self._results(p))
        self.both = casadi.Function("both", [p], [y, casadi.jacobian(y, p)])

    def value_and_jacobian(self, p):
        pairs = [self.both(each) for each in p]
        return np.array([y.full()[:, 0] for y, _ in pairs]), np.array([J.full() for _, J in pairs])
