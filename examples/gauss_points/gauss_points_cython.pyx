"""Stress and consistent tangent at Gauss points, from a constitutive law that was learned."""

from fastjac.cython_api cimport (
    FJ_ABI_VERSION, FJ_OK, fj_network, fj_network_of, fj_status_message, fj_value_and_jacobian_f64, fj_workspace_nbytes,
)
from libc.stdlib cimport free, malloc


def gauss_points(net, const double[:, ::1] strain, double[:, ::1] stress, double[:, :, ::1] tangent):
    """Fill stress (n, 6) and tangent (n, 6, 6) from strain (n, 6), without Python in the loop."""
    cdef fj_network* law = fj_network_of(net, FJ_ABI_VERSION)
    cdef size_t nbytes = fj_workspace_nbytes(law, 1)
    cdef void* work = malloc(nbytes)
    cdef Py_ssize_t p
    cdef int status = FJ_OK
    with nogil:
        for p in range(strain.shape[0]):
            status = fj_value_and_jacobian_f64(law, &strain[p, 0], 6, &stress[p, 0], 6, &tangent[p, 0, 0], 6, 6, 6, 1,
                                               work, nbytes)
            if status != FJ_OK:
                break
    free(work)
    if status != FJ_OK:
        raise RuntimeError(fj_status_message(status).decode())
