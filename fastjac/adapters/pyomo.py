"""Outputs of a network as a grey box of Pyomo: y = F(x) in an optimisation model."""

import numpy as np

from fastjac.adapters.optimize import Residual


def grey_box(net, input_names=None, output_names=None, wrt=None, held=None, outputs=None):
    """An `ExternalGreyBoxModel` with y = F(x)[outputs] at x[wrt] = its inputs.

    Parameters
    ----------
    net : Network
    input_names, output_names : sequence of str, optional
        Names of the variables: those of the network if not given, or x0, x1, … and y0, y1, … where it has none.
    wrt, outputs : slice, sequence of int or of names, or mask of bool, optional
        Which inputs and outputs of the network they are; all of them if not given.
    held : array_like, shape (n_in − n_wrt,), optional
        The other inputs, by increasing index.

    Returns
    -------
    pyomo.contrib.pynumero.interfaces.external_grey_box.ExternalGreyBoxModel
        For ``ExternalGreyBoxBlock(external_model=...)``. It has no second derivatives: tell the solver to
        approximate the Hessian. Value and Jacobian of a point come from one evaluation.

    Raises
    ------
    ValueError
        If there is not one name for each input and output.
    """
    residual = Residual(net, wrt=wrt, held=held, outputs=outputs)
    part, names = residual.part, []
    for given, own, n, letter in (
            (input_names, part.names_wrt, part.n_wrt, "x"), (output_names, part.names_out, part.n_out, "y")):
        own = [f"{letter}{i}" for i in range(n)] if own is None else list(map(str, own))
        names.append(own if given is None else list(given))
        if len(names[-1]) != n:
            raise ValueError(f"names of {letter}: expected {n}, got {len(names[-1])}")
    # Pyomo is imported when a grey box is asked for, so that the class is made here.
    from pyomo.contrib.pynumero.interfaces.external_grey_box import ExternalGreyBoxModel

    return type("NetworkModel", (NetworkMethods, ExternalGreyBoxModel), {})(residual, *names)


class NetworkMethods:
    """What Pyomo asks of a grey box, of a `Residual`."""

    def __init__(self, residual, input_names, output_names):
        self._residual, self._input_names, self._output_names = residual, input_names, output_names

    def input_names(self):
        return self._input_names

    def output_names(self):
        return self._output_names

    def set_input_values(self, input_values):
        self._values = np.array(input_values, np.float64)

    def evaluate_outputs(self):
        return self._residual.fun(self._values)

    def evaluate_jacobian_outputs(self):
        from scipy.sparse import coo_matrix

        J = self._residual.jac(self._values)
        # All entries, also those that are zero here: Pyomo takes the pattern of the first point for all.
        return coo_matrix((J.ravel(), np.indices(J.shape).reshape(2, -1)), J.shape)
