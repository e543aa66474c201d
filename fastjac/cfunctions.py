"""CFunctions: the C interface through addresses, for ctypes, cffi and numba."""

import ctypes

import numpy as np

from fastjac import cython_api

# What follows the handle in each function: P a pointer, N a number of elements or a stride.
SIGNATURES = {
    "value": "PN PN PN",
    "value_points": "N PN PN PN",
    "jacobian": "PN PNNNN PN",
    "jacobian_points": "N PN PNNNNN PN",
    "value_and_jacobian": "PN PN PNNNN PN",
    "value_and_jacobian_points": "N PN PN PNNNNN PN",
    "jvp": "PN PN PN PN",
    "jvp_points": "N PN PN PN PN",
    "vjp": "PN PN PN PN",
    "vjp_points": "N PN PN PN PN",
}
TYPES = {"P": ctypes.c_void_p, "N": ctypes.c_ssize_t}


class CFunctions:
    """The functions of the C interface in the precision of one network, as ctypes functions.

    ``net.ctypes`` makes one. The functions release Python's lock when Python calls them, and a loop compiled
    by numba calls them without Python. Each returns 0, or a status that `fastjac/include/fastjac.h` explains;
    the arguments are those of ``fj_value_f64`` and its kin there: the handle, then each array, followed by
    its size, the strides of J, and the workspace with its size in bytes. Sizes and strides count elements.

    Parameters
    ----------
    net : Network or Selection

    Attributes
    ----------
    handle : int
        Address of the network, ``fj_network *``: the first argument of each function. It is valid as long as
        this object lives.
    value, jacobian, value_and_jacobian, jvp, vjp : ctypes function
        For one point, such as ``value(handle, x, n_x, y, n_y, work, work_nbytes)``.
    value_points, jacobian_points, value_and_jacobian_points, jvp_points, vjp_points : ctypes function
        For n points: their number comes after the handle, and a stride from point to point before the
        strides of J.
    addresses : dict of str to int
        Addresses of the same functions by name.

    Examples
    --------
    >>> import numpy as np
    >>> import fastjac as fj
    >>> net = fj.Network([([[1.0, 2.0], [3.0, 4.0]], None)])
    >>> c = net.ctypes
    >>> x, y, work = np.ones(2), np.empty(2), c.workspace()
    >>> c.value(c.handle, x.ctypes, 2, y.ctypes, 2, work.ctypes, work.nbytes)
    0
    >>> y
    array([4., 6.])
    """

    def __init__(self, net):
        self._net = net
        self.handle = cython_api.handle_of(net)
        suffix = "_f64" if net.dtype == np.float64 else "_f32"
        self.addresses = {name: cython_api.address_of(f"fj_{name}{suffix}") for name in SIGNATURES}
        for name, signature in SIGNATURES.items():
            # numba passes a handle as a number, not as a pointer.
            types = [TYPES[letter] for letter in signature.replace(" ", "")]
            function = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_size_t, *types)
            setattr(self, name, function(self.addresses[name]))

    def workspace_nbytes(self, n_points=1):
        """Bytes of a workspace for calls with this many points, or any number of them at lower speed."""
        return cython_api.workspace_nbytes_of(self._net, n_points)

    def workspace(self, n_points=1):
        """A workspace for calls with this many points, as an array of bytes."""
        return np.empty(self.workspace_nbytes(n_points), np.uint8)
