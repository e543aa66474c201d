from fastjac._engine_blas cimport strides_t
from fastjac._handle cimport program_t
from fastjac.kernels.api cimport plan_t

cdef enum operation:
    VALUE, JACOBIAN, VALUE_AND_JACOBIAN, JVP, VJP

# Where one result goes; `data` is NULL where it is not asked for. The strides count only where it is
# `strided`, that is not C-contiguous.
ctypedef struct target_t:
    char* data
    bint strided
    strides_t strides

# What is asked for: x, and v of JVP or VJP, are contiguous, one point after the other.
ctypedef struct call_t:
    operation what
    const char* x
    const char* v
    target_t value
    target_t product

cdef enum:
    # Workspaces up to this size stand on the stack.
    STACK_NBYTES = 16384

cdef bint needs_plan(operation what) noexcept nogil
cdef Py_ssize_t multiply_adds(const program_t* program, const plan_t* plan, operation what) noexcept nogil
cdef Py_ssize_t workspace_nbytes(const program_t* program, const plan_t* plan, const call_t* call,
                                 Py_ssize_t n_points) noexcept nogil
cdef void run_tiles(const program_t* program, const plan_t* plan, const call_t* call, Py_ssize_t first,
                    Py_ssize_t stop, Py_ssize_t tile, void* workspace) noexcept nogil
cdef void run_tiles_on_stack(const program_t* program, const plan_t* plan, const call_t* call,
                             Py_ssize_t n_points) noexcept nogil
