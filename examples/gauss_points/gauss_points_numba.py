"""Stress and consistent tangent at Gauss points, from a constitutive law that was learned."""

import numba
import numpy as np


def gauss_points(net):
    """A compiled function that fills stress (n, 6) and tangent (n, 6, 6) from strain (n, 6)."""
    law = net.ctypes
    handle, value_and_jacobian, nbytes = law.handle, law.value_and_jacobian, law.workspace_nbytes()

    @numba.njit
    def run(strain, stress, tangent):
        work = np.empty(nbytes, np.uint8)
        for p in range(len(strain)):
            status = value_and_jacobian(
                handle, strain[p].ctypes, 6, stress[p].ctypes, 6, tangent[p].ctypes, 6, 6, 6, 1, work.ctypes, nbytes)
            if status != 0:
                raise RuntimeError("fastjac gave up; its header explains the status")

    run.law = law  # the handle lives as long as this object does
    return run
