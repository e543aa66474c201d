"""The C interface: what a handle leads to, checked sizes, status codes, neither Python nor allocation.

fastjac/include/fastjac.h is its contract. The functions are reached in three ways: through the handle itself,
whose first member is the table of functions (C), by `cimport` of this module (Cython), and by their
addresses (ctypes, cffi, numba).
"""

from cpython.pycapsule cimport PyCapsule_GetName, PyCapsule_GetPointer, PyCapsule_IsValid
from libc.stdint cimport uintptr_t

from fastjac._handle cimport ALIGNMENT, program_t, release, retain
from fastjac._tiles cimport (
    JACOBIAN, JVP, VALUE, VALUE_AND_JACOBIAN, VJP, call_t, needs_plan, operation, run_tiles, workspace_nbytes,
)
from fastjac.kernels.api cimport plan_t

from fastjac._version import __version__

cdef extern from "fastjac.h":
    const char* FJ_CAPSULE_NAME
    const char* status_message "fj_status_message"(int status) noexcept nogil

    # The signatures are those of the functions below, which a test compares.
    ctypedef struct fj_functions:
        size_t nbytes
        unsigned int abi_version
        const char* version
        void* retain
        void* release
        void* n_in
        void* n_wrt
        void* n_out
        void* itemsize
        void* workspace_nbytes
        void* value_f64
        void* value_f32
        void* value_points_f64
        void* value_points_f32
        void* jacobian_f64
        void* jacobian_f32
        void* jacobian_points_f64
        void* jacobian_points_f32
        void* value_and_jacobian_f64
        void* value_and_jacobian_f32
        void* value_and_jacobian_points_f64
        void* value_and_jacobian_points_f32
        void* jvp_f64
        void* jvp_f32
        void* jvp_points_f64
        void* jvp_points_f32
        void* vjp_f64
        void* vjp_f32
        void* vjp_points_f64
        void* vjp_points_f32

cdef bytes version = __version__.encode()
cdef fj_functions functions


# ---------------------------------------------------------------- handles


cdef const char* fj_status_message(int status) noexcept nogil:
    return status_message(status)


cdef fj_network* fj_network_of(net, int abi_version) except NULL:
    capsule = net.capsule
    if abi_version != FJ_ABI_VERSION or not PyCapsule_IsValid(capsule, FJ_CAPSULE_NAME):
        raise ImportError(
            f"fastjac: compiled for ABI version {abi_version}, the library has version {FJ_ABI_VERSION} "
            f"({PyCapsule_GetName(capsule).decode()})"
        )
    return <fj_network*>PyCapsule_GetPointer(capsule, FJ_CAPSULE_NAME)


def handle_of(net):
    """The handle of `net` as a number, for as long as `net` lives."""
    return <uintptr_t>fj_network_of(net, FJ_ABI_VERSION)


def workspace_nbytes_of(net, Py_ssize_t n_points):
    """fj_workspace_nbytes for Python."""
    return fj_workspace_nbytes(fj_network_of(net, FJ_ABI_VERSION), n_points)


def address_of(str name):
    """Address of the function `name`, such as "fj_value_f64"."""
    capsule = globals()["__pyx_capi__"][name]
    return <uintptr_t>PyCapsule_GetPointer(capsule, PyCapsule_GetName(capsule))


cdef void fj_retain(fj_network* net) noexcept nogil:
    if net != NULL:
        retain(<program_t*>net)


cdef void fj_release(fj_network* net) noexcept nogil:
    release(<program_t*>net)


cdef ptrdiff_t fj_n_in(const fj_network* net) noexcept nogil:
    return 0 if net == NULL else (<const program_t*>net).n_in


cdef ptrdiff_t fj_n_wrt(const fj_network* net) noexcept nogil:
    return 0 if net == NULL else (<const program_t*>net).n_wrt


cdef ptrdiff_t fj_n_out(const fj_network* net) noexcept nogil:
    return 0 if net == NULL else (<const program_t*>net).n_out


cdef size_t fj_itemsize(const fj_network* net) noexcept nogil:
    return 0 if net == NULL else (8 if (<const program_t*>net).is_f64 else 4)


cdef size_t fj_workspace_nbytes(const fj_network* net, ptrdiff_t n_points) noexcept nogil:
    cdef const program_t* program = <const program_t*>net
    cdef call_t call
    cdef Py_ssize_t what, per_point = 0, tile
    if net == NULL:
        return 0
    # Enough for each operation and, as it is for one point or for many, with either plan.
    call.product.strided = True
    for what in range(VALUE, VJP + 1):
        call.what = <operation>what
        per_point = max(per_point, workspace_nbytes(program, &program.point_plan, &call, 1),
                        workspace_nbytes(program, &program.batch_plan, &call, 1))
    per_point -= ALIGNMENT
    # No more than the plan's own tile, where one point does not need more.
    tile = program.batch_plan.n_points * program.batch_plan.n_elements * (8 if program.is_f64 else 4)
    return ALIGNMENT + per_point * max(1, min(n_points, tile // per_point))


# ---------------------------------------------------------------- evaluation


cdef int run(const fj_network* net, bint is_f64, operation what, ptrdiff_t n_points, const void* x, ptrdiff_t n_x,
             const void* v, ptrdiff_t n_v, void* value, ptrdiff_t n_value, void* product, ptrdiff_t n_rows,
             ptrdiff_t n_cols, ptrdiff_t point_stride, ptrdiff_t row_stride, ptrdiff_t col_stride,
             void* workspace, size_t work_nbytes) noexcept nogil:
    """Check and compute; `value` and `product` are those of `what`, the others NULL."""
    cdef const program_t* program = <const program_t*>net
    cdef const plan_t* plan
    cdef call_t call
    cdef Py_ssize_t per_point, tile
    cdef bint has_value = what == VALUE or what == VALUE_AND_JACOBIAN
    cdef bint has_operand = what == JVP or what == VJP
    if net == NULL or x == NULL or workspace == NULL or (has_operand and v == NULL):
        return FJ_NULL_POINTER
    if (has_value and value == NULL) or (what != VALUE and product == NULL):
        return FJ_NULL_POINTER
    if program.is_f64 != is_f64:
        return FJ_WRONG_DTYPE
    if n_points < 0 or n_x != program.n_in or (has_value and n_value != program.n_out):
        return FJ_WRONG_SIZE
    if has_operand and n_v != (program.n_wrt if what == JVP else program.n_out):
        return FJ_WRONG_SIZE
    if what != VALUE and n_cols != (program.n_out if what == JVP else program.n_wrt):
        return FJ_WRONG_SIZE
    if needs_plan(what) and n_rows != program.n_out:
        return FJ_WRONG_SIZE

    plan = &program.point_plan if n_points == 1 else &program.batch_plan
    call.what, call.x, call.v = what, <const char*>x, <const char*>v
    call.value.data, call.value.strided = <char*>value, False
    call.product.data = <char*>product
    call.product.strided = needs_plan(what) and (
        row_stride != n_cols or col_stride != 1 or (n_points > 1 and point_stride != n_rows * n_cols))
    call.product.strides.point, call.product.strides.row = point_stride, row_stride
    call.product.strides.col = col_stride
    per_point = workspace_nbytes(program, plan, &call, 1)
    if work_nbytes < <size_t>per_point:
        return FJ_SHORT_WORKSPACE
    tile = min(n_points, plan.n_points if needs_plan(what) else program.value_tile)
    if tile > 1:
        tile = min(tile, <Py_ssize_t>((work_nbytes - ALIGNMENT) // (per_point - ALIGNMENT)))
    run_tiles(program, plan, &call, 0, n_points, tile, workspace)
    return FJ_OK


cdef int fj_value_f64(const fj_network* net, const double* x, ptrdiff_t n_x, double* y, ptrdiff_t n_y,
                      void* work, size_t work_nbytes) noexcept nogil:
    return run(net, True, VALUE, 1, x, n_x, NULL, 0, y, n_y, NULL, 0, 0, 0, 0, 0, work, work_nbytes)


cdef int fj_value_f32(const fj_network* net, const float* x, ptrdiff_t n_x, float* y, ptrdiff_t n_y,
                      void* work, size_t work_nbytes) noexcept nogil:
    return run(net, False, VALUE, 1, x, n_x, NULL, 0, y, n_y, NULL, 0, 0, 0, 0, 0, work, work_nbytes)


cdef int fj_value_points_f64(const fj_network* net, ptrdiff_t n_points, const double* x, ptrdiff_t n_x,
                             double* y, ptrdiff_t n_y, void* work, size_t work_nbytes) noexcept nogil:
    return run(net, True, VALUE, n_points, x, n_x, NULL, 0, y, n_y, NULL, 0, 0, 0, 0, 0, work, work_nbytes)


cdef int fj_value_points_f32(const fj_network* net, ptrdiff_t n_points, const float* x, ptrdiff_t n_x,
                             float* y, ptrdiff_t n_y, void* work, size_t work_nbytes) noexcept nogil:
    return run(net, False, VALUE, n_points, x, n_x, NULL, 0, y, n_y, NULL, 0, 0, 0, 0, 0, work, work_nbytes)


cdef int fj_jacobian_f64(const fj_network* net, const double* x, ptrdiff_t n_x, double* J, ptrdiff_t n_rows,
                         ptrdiff_t n_cols, ptrdiff_t row_stride, ptrdiff_t col_stride, void* work,
                         size_t work_nbytes) noexcept nogil:
    return run(net, True, JACOBIAN, 1, x, n_x, NULL, 0, NULL, 0, J, n_rows, n_cols, 0, row_stride, col_stride,
               work, work_nbytes)


cdef int fj_jacobian_f32(const fj_network* net, const float* x, ptrdiff_t n_x, float* J, ptrdiff_t n_rows,
                         ptrdiff_t n_cols, ptrdiff_t row_stride, ptrdiff_t col_stride, void* work,
                         size_t work_nbytes) noexcept nogil:
    return run(net, False, JACOBIAN, 1, x, n_x, NULL, 0, NULL, 0, J, n_rows, n_cols, 0, row_stride, col_stride,
               work, work_nbytes)


cdef int fj_jacobian_points_f64(const fj_network* net, ptrdiff_t n_points, const double* x, ptrdiff_t n_x,
                                double* J, ptrdiff_t n_rows, ptrdiff_t n_cols, ptrdiff_t point_stride,
                                ptrdiff_t row_stride, ptrdiff_t col_stride, void* work,
                                size_t work_nbytes) noexcept nogil:
    return run(net, True, JACOBIAN, n_points, x, n_x, NULL, 0, NULL, 0, J, n_rows, n_cols, point_stride,
               row_stride, col_stride, work, work_nbytes)


cdef int fj_jacobian_points_f32(const fj_network* net, ptrdiff_t n_points, const float* x, ptrdiff_t n_x,
                                float* J, ptrdiff_t n_rows, ptrdiff_t n_cols, ptrdiff_t point_stride,
                                ptrdiff_t row_stride, ptrdiff_t col_stride, void* work,
                                size_t work_nbytes) noexcept nogil:
    return run(net, False, JACOBIAN, n_points, x, n_x, NULL, 0, NULL, 0, J, n_rows, n_cols, point_stride,
               row_stride, col_stride, work, work_nbytes)


cdef int fj_value_and_jacobian_f64(const fj_network* net, const double* x, ptrdiff_t n_x, double* y,
                                   ptrdiff_t n_y, double* J, ptrdiff_t n_rows, ptrdiff_t n_cols,
                                   ptrdiff_t row_stride, ptrdiff_t col_stride, void* work,
                                   size_t work_nbytes) noexcept nogil:
    return run(net, True, VALUE_AND_JACOBIAN, 1, x, n_x, NULL, 0, y, n_y, J, n_rows, n_cols, 0, row_stride,
               col_stride, work, work_nbytes)


cdef int fj_value_and_jacobian_f32(const fj_network* net, const float* x, ptrdiff_t n_x, float* y,
                                   ptrdiff_t n_y, float* J, ptrdiff_t n_rows, ptrdiff_t n_cols,
                                   ptrdiff_t row_stride, ptrdiff_t col_stride, void* work,
                                   size_t work_nbytes) noexcept nogil:
    return run(net, False, VALUE_AND_JACOBIAN, 1, x, n_x, NULL, 0, y, n_y, J, n_rows, n_cols, 0, row_stride,
               col_stride, work, work_nbytes)


cdef int fj_value_and_jacobian_points_f64(const fj_network* net, ptrdiff_t n_points, const double* x,
                                          ptrdiff_t n_x, double* y, ptrdiff_t n_y, double* J,
                                          ptrdiff_t n_rows, ptrdiff_t n_cols, ptrdiff_t point_stride,
                                          ptrdiff_t row_stride, ptrdiff_t col_stride, void* work,
                                          size_t work_nbytes) noexcept nogil:
    return run(net, True, VALUE_AND_JACOBIAN, n_points, x, n_x, NULL, 0, y, n_y, J, n_rows, n_cols,
               point_stride, row_stride, col_stride, work, work_nbytes)


cdef int fj_value_and_jacobian_points_f32(const fj_network* net, ptrdiff_t n_points, const float* x,
                                          ptrdiff_t n_x, float* y, ptrdiff_t n_y, float* J, ptrdiff_t n_rows,
                                          ptrdiff_t n_cols, ptrdiff_t point_stride, ptrdiff_t row_stride,
                                          ptrdiff_t col_stride, void* work, size_t work_nbytes) noexcept nogil:
    return run(net, False, VALUE_AND_JACOBIAN, n_points, x, n_x, NULL, 0, y, n_y, J, n_rows, n_cols,
               point_stride, row_stride, col_stride, work, work_nbytes)


cdef int fj_jvp_f64(const fj_network* net, const double* x, ptrdiff_t n_x, const double* v, ptrdiff_t n_v,
                    double* u, ptrdiff_t n_u, void* work, size_t work_nbytes) noexcept nogil:
    return run(net, True, JVP, 1, x, n_x, v, n_v, NULL, 0, u, 1, n_u, n_u, n_u, 1, work, work_nbytes)


cdef int fj_jvp_f32(const fj_network* net, const float* x, ptrdiff_t n_x, const float* v, ptrdiff_t n_v,
                    float* u, ptrdiff_t n_u, void* work, size_t work_nbytes) noexcept nogil:
    return run(net, False, JVP, 1, x, n_x, v, n_v, NULL, 0, u, 1, n_u, n_u, n_u, 1, work, work_nbytes)


cdef int fj_jvp_points_f64(const fj_network* net, ptrdiff_t n_points, const double* x, ptrdiff_t n_x,
                           const double* v, ptrdiff_t n_v, double* u, ptrdiff_t n_u, void* work,
                           size_t work_nbytes) noexcept nogil:
    return run(net, True, JVP, n_points, x, n_x, v, n_v, NULL, 0, u, 1, n_u, n_u, n_u, 1, work, work_nbytes)


cdef int fj_jvp_points_f32(const fj_network* net, ptrdiff_t n_points, const float* x, ptrdiff_t n_x,
                           const float* v, ptrdiff_t n_v, float* u, ptrdiff_t n_u, void* work,
                           size_t work_nbytes) noexcept nogil:
    return run(net, False, JVP, n_points, x, n_x, v, n_v, NULL, 0, u, 1, n_u, n_u, n_u, 1, work, work_nbytes)


cdef int fj_vjp_f64(const fj_network* net, const double* x, ptrdiff_t n_x, const double* w, ptrdiff_t n_w,
                    double* g, ptrdiff_t n_g, void* work, size_t work_nbytes) noexcept nogil:
    return run(net, True, VJP, 1, x, n_x, w, n_w, NULL, 0, g, 1, n_g, n_g, n_g, 1, work, work_nbytes)


cdef int fj_vjp_f32(const fj_network* net, const float* x, ptrdiff_t n_x, const float* w, ptrdiff_t n_w,
                    float* g, ptrdiff_t n_g, void* work, size_t work_nbytes) noexcept nogil:
    return run(net, False, VJP, 1, x, n_x, w, n_w, NULL, 0, g, 1, n_g, n_g, n_g, 1, work, work_nbytes)


cdef int fj_vjp_points_f64(const fj_network* net, ptrdiff_t n_points, const double* x, ptrdiff_t n_x,
                           const double* w, ptrdiff_t n_w, double* g, ptrdiff_t n_g, void* work,
                           size_t work_nbytes) noexcept nogil:
    return run(net, True, VJP, n_points, x, n_x, w, n_w, NULL, 0, g, 1, n_g, n_g, n_g, 1, work, work_nbytes)


cdef int fj_vjp_points_f32(const fj_network* net, ptrdiff_t n_points, const float* x, ptrdiff_t n_x,
                           const float* w, ptrdiff_t n_w, float* g, ptrdiff_t n_g, void* work,
                           size_t work_nbytes) noexcept nogil:
    return run(net, False, VJP, n_points, x, n_x, w, n_w, NULL, 0, g, 1, n_g, n_g, n_g, 1, work, work_nbytes)


# ---------------------------------------------------------------- where the functions are

functions.nbytes = sizeof(fj_functions)
functions.abi_version = FJ_ABI_VERSION
functions.version = version
functions.retain = <void*>fj_retain
functions.release = <void*>fj_release
functions.n_in = <void*>fj_n_in
functions.n_wrt = <void*>fj_n_wrt
functions.n_out = <void*>fj_n_out
functions.itemsize = <void*>fj_itemsize
functions.workspace_nbytes = <void*>fj_workspace_nbytes
functions.value_f64 = <void*>fj_value_f64
functions.value_f32 = <void*>fj_value_f32
functions.value_points_f64 = <void*>fj_value_points_f64
functions.value_points_f32 = <void*>fj_value_points_f32
functions.jacobian_f64 = <void*>fj_jacobian_f64
functions.jacobian_f32 = <void*>fj_jacobian_f32
functions.jacobian_points_f64 = <void*>fj_jacobian_points_f64
functions.jacobian_points_f32 = <void*>fj_jacobian_points_f32
functions.value_and_jacobian_f64 = <void*>fj_value_and_jacobian_f64
functions.value_and_jacobian_f32 = <void*>fj_value_and_jacobian_f32
functions.value_and_jacobian_points_f64 = <void*>fj_value_and_jacobian_points_f64
functions.value_and_jacobian_points_f32 = <void*>fj_value_and_jacobian_points_f32
functions.jvp_f64 = <void*>fj_jvp_f64
functions.jvp_f32 = <void*>fj_jvp_f32
functions.jvp_points_f64 = <void*>fj_jvp_points_f64
functions.jvp_points_f32 = <void*>fj_jvp_points_f32
functions.vjp_f64 = <void*>fj_vjp_f64
functions.vjp_f32 = <void*>fj_vjp_f32
functions.vjp_points_f64 = <void*>fj_vjp_points_f64
functions.vjp_points_f32 = <void*>fj_vjp_points_f32

cdef const void* fj_table() noexcept nogil:
    """The table of functions that a handle begins with."""
    return &functions
