"""dy/dt = F(y, …) for `scipy.integrate.solve_ivp`."""

from fastjac.adapters.inputs import Inputs


class Ode:
    """dy/dt = F(x) with x[state] = y, see `Network.as_ode`."""

    def __init__(self, net, state=None, held=None, outputs=None):
        self._inputs = Inputs(net, state, held, outputs, "state", has_time=True)
        self._part = self._inputs.part
        if self._inputs.n_out != self._inputs.n_wrt:
            raise ValueError(f"expected one output for each of the {self._inputs.n_wrt} state variables, "
                             f"got {self._inputs.n_out}: name them by state= and outputs=")

    def fun(self, t, y):
        """dy/dt, shape (n,), at time t in the state y, shape (n,)."""
        return self._part(self._inputs.point_at(t, y))

    def jac(self, t, y):
        """∂(dy/dt)/∂y, shape (n, n)."""
        return self._part.jacobian(self._inputs.point_at(t, y))
