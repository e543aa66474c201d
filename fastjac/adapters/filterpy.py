"""Motion and measurement models for `filterpy.kalman.ExtendedKalmanFilter`, whose vectors are columns."""

import numpy as np

from fastjac.adapters.inputs import Inputs


class KalmanModel:
    """F(x) with x[state] the state of the filter: z = F(x) as a measurement, or x⁺ = F(x) as a motion.

    ``kf.update(z, model.HJacobian, model.Hx)`` updates with a measurement, ``model.predict(kf)`` predicts with a
    motion. Inputs besides the state, such as controls, are `held`, or are given with each call: as
    ``kf.update(z, model.HJacobian, model.Hx, args=(u,), hx_args=(u,))`` and ``model.predict(kf, u)``.

    Parameters
    ----------
    net : Network
    state : slice, sequence of int or of names, or mask of bool, optional
        Which inputs are the state, in the order of the filter; all of them if not given.
    held : array_like, shape (n_in − n_state,), optional
        The other inputs, by increasing index.
    outputs : slice, sequence of int or of names, or mask of bool, optional
        Which outputs; all of them if not given.
    """

    def __init__(self, net, state=None, held=None, outputs=None):
        self._inputs = Inputs(net, state, held, outputs, "state")
        self._part = self._inputs.part

    def Hx(self, x, held=None):
        """F at the state x, (n, 1) or (n,); a column if x is one."""
        return self._part(self._inputs.point(np.ravel(x), held)).reshape(-1, *np.shape(x)[1:])

    def HJacobian(self, x, held=None):
        """∂F/∂x, shape (n_out, n)."""
        return self._part.jacobian(self._inputs.point(np.ravel(x), held))

    def predict(self, kf, held=None):
        """x⁺ = F(x), P⁺ = J P Jᵀ + Q in the filter `kf`, with J kept as ``kf.F``."""
        if self._inputs.n_out != kf.dim_x:
            raise ValueError(f"expected one output for each of the {kf.dim_x} state variables, "
                             f"got {self._inputs.n_out}")
        y, kf.F = self._part.value_and_jacobian(self._inputs.point(np.ravel(kf.x), held))
        kf.x = y.reshape(np.shape(kf.x))
        kf.P = kf.F @ kf.P @ kf.F.T + kf.Q
        kf.x_prior, kf.P_prior = kf.x.copy(), kf.P.copy()
