# Row and column scaling of Wᵀ by the derivatives d: diag(d)·Wᵀ without the diagonal.


cdef void scale_rows(const real* A, const real* d, Py_ssize_t n_rows, Py_ssize_t n_cols,
                     real* out) noexcept nogil:
    """out = d[:, None] * A.  `out` may alias `A`."""
    cdef Py_ssize_t i, j
    cdef real factor
    for i in range(n_rows):
        factor = d[i]
        for j in range(n_cols):
            out[i * n_cols + j] = factor * A[i * n_cols + j]


cdef void scale_columns(const real* A, const real* d, Py_ssize_t n_rows, Py_ssize_t n_cols,
                        real* out) noexcept nogil:
    """out = A * d.  `out` may alias `A`."""
    cdef Py_ssize_t i, j
    for i in range(n_rows):
        for j in range(n_cols):
            out[i * n_cols + j] = A[i * n_cols + j] * d[j]


cdef void fill_rows(const real* b, Py_ssize_t n_rows, Py_ssize_t n_cols, real* out) noexcept nogil:
    """out[:] = b.  `out` may not alias `b`."""
    cdef Py_ssize_t i, j
    for i in range(n_rows):
        for j in range(n_cols):
            out[i * n_cols + j] = b[j]
