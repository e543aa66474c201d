ctypedef fused real:
    float
    double

cdef int load_blas() except -1

cdef void multiply(bint A_transposed, bint B_transposed, Py_ssize_t m, Py_ssize_t n, Py_ssize_t k,
                   const real* A, const real* B, real beta, real* C) noexcept nogil
