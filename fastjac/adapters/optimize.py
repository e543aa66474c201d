"""F(x) − target for `scipy.optimize`: value and Jacobian from one evaluation."""

import numpy as np

from fastjac import _arguments, _tables
from fastjac.adapters.inputs import Inputs


class Residual:
    """r(v) = F(x) − target with x[wrt] = v, see `Network.as_residual`."""

    def __init__(self, net, target=None, wrt=None, held=None, outputs=None):
        self._inputs = Inputs(net, wrt, held, outputs)
        n_out = self._inputs.n_out
        self._target = np.zeros(n_out) if target is None else _arguments.as_real(
            target, "target", self._inputs.part.names_out)
        if self._target.shape != (n_out,):
            raise ValueError(f"target: expected shape ({n_out},), got {self._target.shape}")
        self.part, self.n_out, self.n_wrt = self._inputs.part, n_out, self._inputs.n_wrt
        self._last = None

    def fun(self, v):
        """r(v), shape (n_out,), float64."""
        return self._evaluated(v)[1].copy()

    def jac(self, v):
        """∂r/∂v, shape (n_out, n_wrt), float64."""
        return self._evaluated(v)[2].copy()

    def fun_and_jac(self, v):
        """Both, for ``root(residual.fun_and_jac, v, jac=True)``."""
        _, r, J = self._evaluated(v)
        return r.copy(), J.copy()

    def cost_and_gradient(self, v):
        """½ rᵀr and its gradient Jᵀr, for ``minimize(residual.cost_and_gradient, v, jac=True)``."""
        _, r, J = self._evaluated(v)
        return 0.5 * (r @ r), r @ J

    def _evaluated(self, v):
        """The last point with r and J there. Solvers change their arrays in place: all three are our own."""
        v = np.array(_tables.plain(v, "v", self.part.names_wrt), np.float64)
        last = self._last
        # Bit by bit, as a zero may have a sign, and the value with it.
        if last is None or last[0].shape != v.shape or last[0].tobytes() != v.tobytes():
            y, J = self._inputs.part.value_and_jacobian(self._inputs.point(v))
            # One assignment, as another thread may be at work with another point.
            self._last = last = v, y - self._target, J.astype(np.float64, copy=False)
        return last
