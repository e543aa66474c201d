"""Custom: activations of users, compiled or in Python, where the kernels have their own."""

from cpython.mem cimport PyMem_RawMalloc
from libc.stdint cimport uintptr_t

import numpy as np

cimport numpy as cnp

cnp.import_array()

# What users compile. The parameters are one row each, with one value per unit; `a` may be `h`.
ctypedef void (*compiled_f64)(Py_ssize_t n, const double* h, double* a, double* d, const double* p) noexcept nogil
ctypedef void (*compiled_f32)(Py_ssize_t n, const float* h, float* a, float* d, const float* p) noexcept nogil

# What a layer points to. It is never freed: a handle in C may need it as long as the process lives.
ctypedef struct context_t:
    compiled_f64 f64
    compiled_f32 f32
    Py_ssize_t n_parameters
    void* python

cdef enum:
    # Units that are converted at a time, and parameters at most, where there is no function for floats.
    PIECE = 64
    MOST_PARAMETERS = 8


cdef class Custom:
    """How an activation is computed: by functions at addresses, or by Python callables.

    Parameters
    ----------
    addresses : tuple of two int
        Of the functions for double and float, 0 where there is none.
    value, derivative : callable or None
        f(h, *parameters) and f'(h, *parameters) for arrays.
    n_parameters : int
    """

    cdef context_t* context
    cdef object value
    cdef object derivative
    cdef public object error

    def __init__(self, tuple addresses, value, derivative, Py_ssize_t n_parameters):
        if addresses[0] and not addresses[1] and n_parameters > MOST_PARAMETERS:
            raise ValueError(f"expected at most {MOST_PARAMETERS} parameters without a function for float32")
        self.context = <context_t*>PyMem_RawMalloc(sizeof(context_t))
        if self.context == NULL:
            raise MemoryError("no room for an activation")
        self.context.f64 = <compiled_f64><uintptr_t>addresses[0]
        self.context.f32 = <compiled_f32><uintptr_t>addresses[1]
        self.context.n_parameters = n_parameters
        self.context.python = <void*>self
        self.value, self.derivative, self.error = value, derivative, None

    def raise_error(self):
        """Raise what a Python callable raised since it was last asked for."""
        error, self.error = self.error, None
        if error is not None:
            raise error

    @property
    def is_python(self):
        return self.value is not None


cdef int use_custom(layer_t* layer, custom) except -1:
    """Let the layer call the activation of a user."""
    cdef Custom how = <Custom?>custom
    layer.custom = call_python if how.is_python else call_compiled
    layer.context = how.context
    return 0


cdef void call_compiled(void* context, bint is_f64, Py_ssize_t n, void* a, void* d, const void* p) noexcept nogil:
    """a ← f(a) and d ← f'(a); where there is no function for float, in double and piece by piece."""
    cdef const context_t* how = <const context_t*>context
    cdef double a_f64[PIECE]
    cdef double d_f64[PIECE]
    cdef double p_f64[PIECE * MOST_PARAMETERS]
    cdef float* a_f32 = <float*>a
    cdef float* d_f32 = <float*>d
    cdef const float* p_f32 = <const float*>p
    cdef Py_ssize_t first = 0, i, r, n_piece
    if is_f64:
        how.f64(n, <const double*>a, <double*>a, <double*>d, <const double*>p)
        return
    if how.f32 != NULL:
        how.f32(n, a_f32, a_f32, d_f32, p_f32)
        return
    while first < n:
        n_piece = min(n - first, PIECE)
        for i in range(n_piece):
            a_f64[i] = a_f32[first + i]
        for r in range(how.n_parameters):
            for i in range(n_piece):
                p_f64[r * n_piece + i] = p_f32[r * n + first + i]
        how.f64(n_piece, a_f64, a_f64, d_f64, p_f64)
        for i in range(n_piece):
            a_f32[first + i] = <float>a_f64[i]
            d_f32[first + i] = <float>d_f64[i]
        first += n_piece


cdef void call_python(void* context, bint is_f64, Py_ssize_t n, void* a, void* d, const void* p) noexcept nogil:
    with gil:
        evaluate(<Custom>(<context_t*>context).python, is_f64, n, a, d, p)


cdef void evaluate(Custom how, bint is_f64, cnp.npy_intp n, void* a, void* d, const void* p) noexcept:
    """The same by Python callables; an exception is kept, and NaN stands for the results."""
    cdef cnp.npy_intp shape[2]
    cdef int typenum = cnp.NPY_DOUBLE if is_f64 else cnp.NPY_FLOAT
    shape[0], shape[1] = how.context.n_parameters, n
    units = cnp.PyArray_SimpleNewFromData(1, &n, typenum, a)
    slopes = cnp.PyArray_SimpleNewFromData(1, &n, typenum, d)
    try:
        # Copies: what the callables keep must not change under them, nor may they change what is ours.
        h, parameters = units.copy(), []
        if how.context.n_parameters:
            parameters = cnp.PyArray_SimpleNewFromData(2, shape, typenum, <void*>p).copy()
        slopes[:] = as_result(how.derivative(h, *parameters), h, "derivative")
        units[:] = as_result(how.value(h, *parameters), h, "f")
    except BaseException as error:
        if how.error is None:
            how.error = error
        units[:] = slopes[:] = np.nan


def as_result(result, h, name):
    result = np.asarray(result)
    if result.shape not in ((), h.shape) or result.dtype.kind not in "biuf":
        raise ValueError(f"{name}: expected real numbers of shape {h.shape}, got {result.dtype} {result.shape}")
    return result
