"""dy/dt = F(y, …) for `sksundae.cvode.CVODE` of scikit-sundae, which hands out the arrays to be filled."""

from fastjac.adapters.ode import Ode


class CvodeOde(Ode):
    """dy/dt = F(x) with x[state] = y, as ``CVODE(ode.rhsfn, jacfn=ode.jacfn)`` takes it.

    Parameters are those of `Network.as_ode`. The linear solver has to be a dense or a banded one.
    """

    def rhsfn(self, t, y, yp):
        """yp = dy/dt."""
        yp[:] = self.fun(t, y)

    def jacfn(self, t, y, yp, JJ):
        """JJ[i, j] = ∂yp_i/∂y_j."""
        if JJ.ndim != 2:
            raise ValueError(f"jacfn: expected the matrix of a dense or banded linear solver, got shape {JJ.shape}")
        JJ[:] = self.jac(t, y)
