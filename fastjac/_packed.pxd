from fastjac._handle cimport program_t
from fastjac._tiles cimport VJP
from fastjac.kernels.api cimport layer_t, plan_t

cdef class Packed:
    cdef program_t* program
    cdef int typenum
    cdef tuple python_layers
    cdef readonly object dtype
    cdef readonly str engine
    cdef readonly object order
    cdef readonly object activity
    cdef readonly object center
    cdef readonly tuple names_in        # labels of the columns of points, or None
    cdef readonly tuple names_wrt       # of the columns of J
    cdef readonly tuple names_out
    cdef readonly tuple units_in
    cdef readonly tuple units_out
    cdef readonly str simd
    cdef Py_ssize_t n_lanes
    cdef Py_ssize_t costs[VJP + 1]      # multiply-adds of one point for each operation
    cdef bint is_ready                  # whether __init__ has done its work
    cdef list callables                 # activations that Python computes, which may raise
    cdef tuple chain_widths             # widths of the chain of products
    cdef object python_plans
    cdef dict parts                     # programs for `wrt=` and `outputs=`
    cdef object __weakref__

    cdef program_t* begin(self, tuple layers, dtype, str engine, order, activity) except NULL
    cdef int finish(self, tuple widths, Py_ssize_t n_values) except -1
    cdef converted(self, array)
    cdef void* new_memory(self, size_t nbytes) except NULL
    cdef const void* keep(self, array, Py_ssize_t n_lanes) except? NULL
    cdef const void* keep_panels(self, W) except? NULL
    cdef int pack_weight(self, layer_t* packed, W, tuple least) except -1
    cdef Py_ssize_t lanes(self) noexcept
    cdef int prepare_plans(self) except -1
    cdef new_plan(self, bint batch, activity)
    cdef tuple sizes(self)
    cdef int pack_plan(self, plan, plan_t* packed) except -1
    cdef int require_ready(self) except -1
