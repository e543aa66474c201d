# Activations: value and derivative of an array in one pass.

from libc.math cimport tanh as libm_tanh, exp as libm_exp, fabs


cdef void identity(const real* h, const real* p, Py_ssize_t n, real* a, real* d) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        a[i] = h[i]
        d[i] = 1


cdef void relu(const real* h, const real* p, Py_ssize_t n, real* a, real* d) noexcept nogil:
    cdef Py_ssize_t i
    cdef real x
    for i in range(n):
        x = h[i]
        a[i] = 0 if x <= 0 else x
        d[i] = 0 if x <= 0 else (1 if x > 0 else x)


cdef void tanh(const real* h, const real* p, Py_ssize_t n, real* a, real* d) noexcept nogil:
    cdef Py_ssize_t i
    cdef double x, t
    for i in range(n):
        x = h[i]
        t = libm_exp(-2 * fabs(x))
        a[i] = <real>libm_tanh(x)
        d[i] = <real>(4 * t / ((1 + t) * (1 + t)))


cdef tuple fill_activations(kernels_t* table):
    """Fill the table's activations; the names, in the order of their codes."""
    table.f64.activations[0] = identity[double]
    table.f32.activations[0] = identity[float]
    table.f64.activations[1] = relu[double]
    table.f32.activations[1] = relu[float]
    table.f64.activations[2] = tanh[double]
    table.f32.activations[2] = tanh[float]
    return "identity", "relu", "tanh"
