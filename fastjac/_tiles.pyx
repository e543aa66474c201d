"""From a call to tiles: the workspace of a tile, where its operands lie, where its results go."""

from libc.stdint cimport uintptr_t

from fastjac._engine_blas cimport compute_jacobian, compute_value, pull_weights, push_direction, scatter
from fastjac._handle cimport ALIGNMENT
from fastjac.kernels.api cimport PACKED, layer_t, network_t

ctypedef fused real:
    float
    double


cdef bint needs_plan(operation what) noexcept nogil:
    return what == JACOBIAN or what == VALUE_AND_JACOBIAN


cdef Py_ssize_t multiply_adds(const program_t* program, const plan_t* plan, operation what) noexcept nogil:
    """Multiply-adds of one point, at least 1."""
    cdef Py_ssize_t i, n = 1
    for i in range(program.net.n_layers):
        n += program.net.layers[i].dense_in * program.net.layers[i].dense_out
    if needs_plan(what):
        for i in range(plan.n_steps):
            n += plan.steps[i].n_rows * max(1, plan.steps[i].n_inner) * plan.steps[i].n_cols
    elif what != VALUE:
        for i in range(program.sweep.n_layers):
            n += program.sweep.layers[i].dense_in * program.sweep.layers[i].dense_out
    return n


# ---------------------------------------------------------------- tiles
#
# Behind what the engine needs, the workspace has room for the value of all outputs, which the engine always
# computes; for x less its center, where the network has one; and for the product, where it is not written
# straight to its target.


cdef inline const layer_t* last_layer(const network_t* net) noexcept nogil:
    return net.layers + net.n_layers - 1


cdef Py_ssize_t n_workspace_elements(const program_t* program, const plan_t* plan, operation what) noexcept nogil:
    return plan.n_elements if needs_plan(what) else program.n_values


cdef Py_ssize_t n_product_elements(const program_t* program, operation what) noexcept nogil:
    if what == VALUE:
        return 0
    if needs_plan(what):
        return program.n_out * program.n_wrt
    return program.n_out if what == JVP else program.n_wrt


cdef Py_ssize_t workspace_nbytes(const program_t* program, const plan_t* plan, const call_t* call,
                                 Py_ssize_t n_points) noexcept nogil:
    cdef Py_ssize_t n = n_workspace_elements(program, plan, call.what)
    n += last_layer(&program.net).n_out
    if program.center != NULL:
        n += program.n_in
    if call.product.strided:
        n += n_product_elements(program, call.what)
    return n_points * n * (8 if program.is_f64 else 4) + ALIGNMENT


cdef void run_tiles_on_stack(const program_t* program, const plan_t* plan, const call_t* call,
                             Py_ssize_t n_points) noexcept nogil:
    """Compute one tile, the first `n_points` points, in a workspace of at most STACK_NBYTES."""
    cdef char workspace[STACK_NBYTES]
    run_tiles(program, plan, call, 0, n_points, n_points, workspace)


cdef void run_tiles(const program_t* program, const plan_t* plan, const call_t* call, Py_ssize_t first,
                    Py_ssize_t stop, Py_ssize_t tile, void* workspace) noexcept nogil:
    """Compute the points from `first` up to `stop`, `tile` points at a time."""
    cdef uintptr_t aligned = (<uintptr_t>workspace + ALIGNMENT - 1) & ~<uintptr_t>(ALIGNMENT - 1)
    while first < stop:
        if program.is_f64:
            run_tile(program, plan, call, first, min(tile, stop - first), <double*>aligned)
        else:
            run_tile(program, plan, call, first, min(tile, stop - first), <float*>aligned)
        first += tile


cdef void run_tile(const program_t* program, const plan_t* plan, const call_t* call, Py_ssize_t first,
                   Py_ssize_t n_points, real* workspace) noexcept nogil:
    cdef const network_t* net = &program.net
    cdef Py_ssize_t n_all = last_layer(net).n_out, n_product = n_product_elements(program, call.what)
    cdef const real* x = <const real*>call.x + first * program.n_in
    cdef const real* v = NULL
    cdef real* spare_value = workspace + n_workspace_elements(program, plan, call.what) * n_points
    cdef real* spare_product = spare_value + (n_all + (program.n_in if program.center != NULL else 0)) * n_points
    cdef real* y = spare_value
    cdef real* product = spare_product
    if call.value.data != NULL and not call.value.strided and program.outputs == NULL:
        y = <real*>call.value.data + first * n_all
    if call.product.data != NULL and not call.product.strided:
        product = <real*>call.product.data + first * n_product
    if call.v != NULL:
        v = <const real*>call.v + first * (program.n_wrt if call.what == JVP else program.n_out)

    if program.center != NULL:
        subtract_center(program, n_points, x, spare_value + n_all * n_points)
        x = spare_value + n_all * n_points
    compute_values(net, n_points, x, workspace, y)
    if program.gathers and call.what != VALUE:
        gather_derivative(program, n_points, workspace)
    compute_product(&program.sweep, plan, call.what, n_points, v, workspace, product)

    if call.value.data != NULL and program.outputs != NULL:
        gather_values(program, n_points, y, &call.value, first)
    elif call.value.strided:
        scatter(net, n_points, y, 1, n_all, call.value.strides,
                <real*>call.value.data + first * call.value.strides.point)
    if call.product.strided:
        scatter(net, n_points, product, program.n_out if needs_plan(call.what) else 1,
                program.n_out if call.what == JVP else program.n_wrt, call.product.strides,
                <real*>call.product.data + first * call.product.strides.point)


cdef inline void subtract_center(const program_t* program, Py_ssize_t n_points, const real* x,
                                 real* out) noexcept nogil:
    cdef Py_ssize_t point, i
    cdef const real* center = <const real*>program.center
    for point in range(n_points):
        for i in range(program.n_in):
            out[point * program.n_in + i] = x[point * program.n_in + i] - center[i]


cdef inline void compute_values(const network_t* net, Py_ssize_t n_points, const real* x, real* workspace,
                                real* y) noexcept nogil:
    if net.engine != PACKED:
        compute_value(net, n_points, x, workspace, y)
    elif real is double:
        net.kernels.f64.packed_value(net, n_points, x, workspace, y)
    else:
        net.kernels.f32.packed_value(net, n_points, x, workspace, y)


cdef inline void compute_product(const network_t* net, const plan_t* plan, operation what, Py_ssize_t n_points,
                                 const real* v, real* workspace, real* product) noexcept nogil:
    if net.engine != PACKED:
        if needs_plan(what):
            compute_jacobian(net, plan, n_points, workspace, product)
        elif what == JVP:
            push_direction(net, n_points, v, workspace, product)
        elif what == VJP:
            pull_weights(net, n_points, v, workspace, product)
    elif real is double:
        if needs_plan(what):
            net.kernels.f64.packed_jacobian(net, plan, n_points, workspace, product)
        elif what == JVP:
            net.kernels.f64.packed_push(net, n_points, v, workspace, product)
        elif what == VJP:
            net.kernels.f64.packed_pull(net, n_points, v, workspace, product)
    else:
        if needs_plan(what):
            net.kernels.f32.packed_jacobian(net, plan, n_points, workspace, product)
        elif what == JVP:
            net.kernels.f32.packed_push(net, n_points, v, workspace, product)
        elif what == VJP:
            net.kernels.f32.packed_pull(net, n_points, v, workspace, product)


# ---------------------------------------------------------------- selected outputs


cdef void gather_derivative(const program_t* program, Py_ssize_t n_points, real* workspace) noexcept nogil:
    """What the last layer's derivative is at the selected outputs, with rows as long as those of `sweep`."""
    cdef Py_ssize_t _point, i
    cdef const layer_t* layer = last_layer(&program.net)
    cdef const layer_t* selected = last_layer(&program.sweep)
    cdef const real* d = workspace + layer.d_offset * n_points
    cdef real* out = workspace + selected.d_offset * n_points
    for _point in range(n_points):
        for i in range(selected.ld):
            out[i] = d[program.outputs[i]] if i < selected.n_out else 0
        d += layer.ld
        out += selected.ld


cdef void gather_values(const program_t* program, Py_ssize_t n_points, const real* y, const target_t* target,
                        Py_ssize_t first) noexcept nogil:
    """The selected outputs of a tile, which begins with the point `first`, to where they belong."""
    cdef Py_ssize_t _point, i, n_all = last_layer(&program.net).n_out
    cdef Py_ssize_t point_stride = target.strides.point if target.strided else program.n_out
    cdef Py_ssize_t stride = target.strides.col if target.strided else 1
    cdef real* out = <real*>target.data + first * point_stride
    for _point in range(n_points):
        for i in range(program.n_out):
            out[i * stride] = y[program.outputs[i]]
        y += n_all
        out += point_stride
