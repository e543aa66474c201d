# The whole of the kernels: v2.pyx, v3.pyx, v4.pyx and baseline.pyx include this file and differ
# only in the flags that setup.py compiles them with.
#
# Each build exports `table`, a capsule with the function pointers of api.pxd, and `activations`,
# the names in the order of their codes. The other Python functions are doors for the tests.

from cpython.pycapsule cimport PyCapsule_New

from fastjac.kernels.api cimport N_ACTIVATIONS, kernels_t

ctypedef fused real:
    float
    double

include "activations.pxi"
include "scale.pxi"
include "dense.pxi"
include "layout.pxi"

cdef kernels_t functions

include "panels.pxi"
include "sweep.pxi"


cdef int fill_table() except -1:
    functions.f64.scale_rows = scale_rows[double]
    functions.f32.scale_rows = scale_rows[float]
    functions.f64.scale_columns = scale_columns[double]
    functions.f32.scale_columns = scale_columns[float]
    functions.f64.fill_rows = fill_rows[double]
    functions.f32.fill_rows = fill_rows[float]
    functions.f64.copy_block = copy_block[double]
    functions.f32.copy_block = copy_block[float]
    functions.f64.form_dense = form_dense[double]
    functions.f32.form_dense = form_dense[float]
    functions.f64.apply_dense = apply_dense[double]
    functions.f32.apply_dense = apply_dense[float]
    functions.f64.pack_panels = pack_panels[double]
    functions.f32.pack_panels = pack_panels[float]
    functions.f64.packed_value = packed_value[double]
    functions.f32.packed_value = packed_value[float]
    functions.f64.packed_jacobian = packed_jacobian[double]
    functions.f32.packed_jacobian = packed_jacobian[float]
    functions.f64.packed_push = packed_push[double]
    functions.f32.packed_push = packed_push[float]
    functions.f64.packed_pull = packed_pull[double]
    functions.f32.packed_pull = packed_pull[float]
    functions.f64.n_lanes = FJ_VECTOR_NBYTES // 8
    functions.f32.n_lanes = FJ_VECTOR_NBYTES // 4
    return 0


fill_table()
activations = fill_activations(&functions)
table = PyCapsule_New(&functions, "fastjac.kernels.table", NULL)

include "doors.pxi"
