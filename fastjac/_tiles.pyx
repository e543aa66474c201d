"""From a call to tiles: the workspace of a tile, where its operands lie, where its results go."""

from libc.stdint cimport uintptr_t

from fastjac._engine_blas cimport compute_jacobian, compute_value, pull_weights, push_direction, scatter
from fastjac.kernels.api cimport PACKED, network_t, plan_t

ctypedef fused real:
    float
    double


cdef bint needs_plan(operation what) noexcept nogil:
    return what == JACOBIAN or what == VALUE_AND_JACOBIAN


cdef Py_ssize_t multiply_adds(const network_t* net, const plan_t* plan, operation what) noexcept nogil:
    """Multiply-adds of one point, at least 1."""
    cdef Py_ssize_t i, n = 1
    for i in range(net.n_layers):
        n += net.layers[i].n_in * net.layers[i].n_out * (1 if what == VALUE or needs_plan(what) else 2)
    if needs_plan(what):
        for i in range(plan.n_steps):
            n += plan.steps[i].n_rows * max(1, plan.steps[i].n_inner) * plan.steps[i].n_cols
    return n


# ---------------------------------------------------------------- tiles
#
# Behind what the engine needs, the workspace has room for the results of the tile: the value, which
# the engine always computes, and the product, where it is not written straight to its target.


cdef Py_ssize_t n_workspace_elements(const network_t* net, const plan_t* plan, operation what) noexcept nogil:
    return plan.n_elements if needs_plan(what) else net.n_values


cdef Py_ssize_t n_product_elements(const network_t* net, operation what) noexcept nogil:
    cdef Py_ssize_t n_in = net.layers[0].n_in, n_out = net.layers[net.n_layers - 1].n_out
    if what == VALUE:
        return 0
    return n_in * n_out if needs_plan(what) else (n_out if what == JVP else n_in)


cdef Py_ssize_t workspace_nbytes(const network_t* net, const plan_t* plan, const call_t* call,
                                 Py_ssize_t n_points, bint is_f64) noexcept nogil:
    cdef Py_ssize_t n = n_workspace_elements(net, plan, call.what)
    n += net.layers[net.n_layers - 1].n_out
    if call.product.strided:
        n += n_product_elements(net, call.what)
    return n_points * n * (8 if is_f64 else 4) + ALIGNMENT


cdef void run_tiles_on_stack(const network_t* net, const plan_t* plan, const call_t* call,
                             Py_ssize_t n_points, bint is_f64) noexcept nogil:
    """Compute one tile, the first `n_points` points, in a workspace of at most STACK_NBYTES."""
    cdef char workspace[STACK_NBYTES]
    run_tiles(net, plan, call, 0, n_points, n_points, workspace, is_f64)


cdef void run_tiles(const network_t* net, const plan_t* plan, const call_t* call, Py_ssize_t first,
                    Py_ssize_t stop, Py_ssize_t tile, void* workspace, bint is_f64) noexcept nogil:
    """Compute the points from `first` up to `stop`, `tile` points at a time."""
    cdef uintptr_t aligned = (<uintptr_t>workspace + ALIGNMENT - 1) & ~<uintptr_t>(ALIGNMENT - 1)
    while first < stop:
        if is_f64:
            run_tile(net, plan, call, first, min(tile, stop - first), <double*>aligned)
        else:
            run_tile(net, plan, call, first, min(tile, stop - first), <float*>aligned)
        first += tile


cdef void run_tile(const network_t* net, const plan_t* plan, const call_t* call, Py_ssize_t first,
                   Py_ssize_t n_points, real* workspace) noexcept nogil:
    cdef Py_ssize_t n_in = net.layers[0].n_in, n_out = net.layers[net.n_layers - 1].n_out
    cdef Py_ssize_t n_product = n_product_elements(net, call.what)
    cdef const real* x = <const real*>call.x + first * n_in
    cdef const real* v = NULL
    cdef real* spare_value = workspace + n_workspace_elements(net, plan, call.what) * n_points
    cdef real* spare_product = spare_value + n_out * n_points
    cdef real* y = spare_value
    cdef real* product = spare_product
    if call.value.data != NULL and not call.value.strided:
        y = <real*>call.value.data + first * n_out
    if call.product.data != NULL and not call.product.strided:
        product = <real*>call.product.data + first * n_product

    if call.v != NULL:
        v = <const real*>call.v + first * (n_in if call.what == JVP else n_out)
    if net.engine == PACKED:
        run_packed(net, plan, call.what, n_points, x, v, workspace, y, product)
    else:
        run_blas(net, plan, call.what, n_points, x, v, workspace, y, product)

    if call.value.strided:
        scatter(net, n_points, y, 1, n_out, call.value.strides,
                <real*>call.value.data + first * call.value.strides.point)
    if call.product.strided:
        scatter(net, n_points, product, n_out if needs_plan(call.what) else 1,
                n_out if call.what == JVP else n_in, call.product.strides,
                <real*>call.product.data + first * call.product.strides.point)


cdef inline void run_blas(const network_t* net, const plan_t* plan, operation what, Py_ssize_t n_points,
                          const real* x, const real* v, real* workspace, real* y, real* product) noexcept nogil:
    compute_value(net, n_points, x, workspace, y)
    if needs_plan(what):
        compute_jacobian(net, plan, n_points, workspace, product)
    elif what == JVP:
        push_direction(net, n_points, v, workspace, product)
    elif what == VJP:
        pull_weights(net, n_points, v, workspace, product)


cdef inline void run_packed(const network_t* net, const plan_t* plan, operation what, Py_ssize_t n_points,
                            const real* x, const real* v, real* workspace, real* y, real* product) noexcept nogil:
    if real is double:
        net.kernels.f64.packed_value(net, n_points, x, workspace, y)
        if needs_plan(what):
            net.kernels.f64.packed_jacobian(net, plan, n_points, workspace, product)
        elif what == JVP:
            net.kernels.f64.packed_push(net, n_points, v, workspace, product)
        elif what == VJP:
            net.kernels.f64.packed_pull(net, n_points, v, workspace, product)
    else:
        net.kernels.f32.packed_value(net, n_points, x, workspace, y)
        if needs_plan(what):
            net.kernels.f32.packed_jacobian(net, plan, n_points, workspace, product)
        elif what == JVP:
            net.kernels.f32.packed_push(net, n_points, v, workspace, product)
        elif what == VJP:
            net.kernels.f32.packed_pull(net, n_points, v, workspace, product)
