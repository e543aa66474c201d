"""Selection: some outputs of a network as a function of some of its inputs."""

from fastjac._program import Program


class Selection(Program):
    """The outputs `outputs` of a network as a function of its inputs `wrt`, the other inputs being held.

    It is evaluated like a network, at whole points x of n_in inputs. Of
    J[i, j] = ∂F_i/∂x_j only the rows `outputs` and the columns `wrt` are computed:
    J[outputs][:, wrt] = D_L[outputs, outputs] W_L[:, outputs]ᵀ ⋯ D_1 W_1[wrt]ᵀ, in the best order for that
    shape. ``part(x)`` is F(x)[outputs]; directions of ``part.jvp(x, v)`` are (..., n_wrt), weights of
    ``part.vjp(x, w)`` (..., n_out).

    Parameters
    ----------
    network : Network
        The network; its packed weights are shared.
    wrt, outputs : slice, sequence of int or of names, or mask of bool, optional
        Which inputs and outputs; all of them if not given.

    Attributes
    ----------
    network : Network
    wrt, outputs : ndarray of int, or None
        The indices; None stands for all.
    n_in, n_wrt, n_out : int
        Number of inputs of a point, of columns and of rows of J.
    names_in, names_wrt, names_out : tuple or None
        What these are called, where the network has names.
    units_in, units_out : tuple or None

    Raises
    ------
    TypeError, ValueError, IndexError
        If `wrt` or `outputs` does not select inputs or outputs of the network.

    Notes
    -----
    Results agree with those of the network within rounding: the order of the products may be another. The
    value pass is made for all inputs and outputs, as each hidden unit needs them.
    """

    __slots__ = ("network", "outputs", "wrt")

    def __init__(self, network, wrt=None, outputs=None):
        self.wrt, self.outputs = self._select(network, wrt, outputs)
        self.network = network

    def propagate_covariance(self, x, P, Q=None):
        """J P Jᵀ + Q with P (..., n_wrt, n_wrt) and Q (..., n_out, n_out), see `Network.propagate_covariance`."""
        from fastjac import products

        return products.propagate_covariance(self, x, P, Q)

    def fisher(self, x, precision=None):
        """JᵀC⁻¹J (..., n_wrt, n_wrt) for a precision C⁻¹ of the n_out outputs, see `Network.fisher`."""
        from fastjac import products

        return products.fisher(self, x, precision)

    def export_c(self, path, name="net", dtype=None,
                 functions=("value", "jacobian", "value_and_jacobian", "jvp", "vjp")):
        """Write the selected outputs and the selected part of J as one C99 file, see `Network.export_c`.

        A point has n_in numbers, J is (n_out, n_wrt). CasADi finds the derivatives only if no inputs are
        selected, as it asks for those by all of them.
        """
        from fastjac.export.c import export_c

        network = self.network._in_dtype(dtype)
        export_c(self if network is self.network else Selection(network, self.wrt, self.outputs), path, name, functions)

    def __repr__(self):
        if self.dtype is None:
            return f"<{type(self).__name__} of nothing: __init__ was not called>"
        return f"Selection of {self.n_out} outputs by {self.n_wrt} inputs from\n{self.network!r}"

    def __reduce__(self):
        return type(self), (self.network, self.wrt, self.outputs)

    def __copy__(self):
        return self

    def __deepcopy__(self, memo):
        return self
