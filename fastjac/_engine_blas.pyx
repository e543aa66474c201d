"""The engine `blas`: typed kernels scale blocks by the derivatives, SciPy's BLAS multiplies them.

Everything here works on a tile of points in a workspace that belongs to the caller and neither
allocates nor touches Python. For a tile of P points the workspace holds, one after the other,

    d_1 (P, n_1) … d_L (P, n_L)     derivatives; what kernels/dense.pxi says where they are dense
    a, a (P, max n_k) each          activations of two neighbouring layers; as much again, which only
                                    the engine `packed` uses
    slots (P, …)                    blocks of the plan

so that an offset for one point, times P, is the offset for the tile.
"""

from libc.string cimport memcpy

from fastjac._blas cimport multiply
from fastjac.kernels.api cimport (
    DIAGONAL, FORM, FORWARD, MEET, REVERSE, UNIT, kernels_t, layer_t, network_t, plan_t, step_t,
)

include "kernels/calls.pxi"


cdef inline real* derivative_of(const layer_t* layer, Py_ssize_t n_points, real* workspace) noexcept nogil:
    return workspace + layer.d_offset * n_points


# ---------------------------------------------------------------- the value pass


cdef inline void activate_tile(const network_t* net, const layer_t* layer, Py_ssize_t n_points,
                               real* a, real* d) noexcept nogil:
    """a ← f(a) and d ← f'(a), in place; a and d are (n_points, n_out)."""
    cdef Py_ssize_t point, i
    cdef const real* p = <const real*>layer.p
    if layer.custom != NULL:
        for point in range(n_points):
            layer.custom(layer.context, sizeof(real) == sizeof(double), layer.n_active, a + point * layer.n_out,
                         d + point * layer.n_out, p)
    elif layer.derivative == DIAGONAL and not layer.has_parameters and layer.n_active == layer.n_out:
        activate(net.kernels, layer.activation, a, p, n_points * layer.n_out, a, d)
    elif layer.derivative != UNIT:
        for point in range(n_points):
            activate(net.kernels, layer.activation, a + point * layer.n_out, p, layer.n_active,
                     a + point * layer.n_out, d + point * layer.n_out)
    if layer.derivative != UNIT:
        for point in range(n_points):
            for i in range(layer.n_active, layer.n_out):
                d[point * layer.n_out + i] = 1


cdef void compute_value(const network_t* net, Py_ssize_t n_points, const real* x,
                        real* workspace, real* y) noexcept nogil:
    """y = F(x) for x (n_points, n_0); leaves the derivatives of all layers in the workspace."""
    cdef Py_ssize_t k
    cdef const layer_t* layer
    cdef const real* a = x
    cdef real* next_a
    cdef real* buffers = workspace + (net.n_values - 3 * net.max_width) * n_points
    for k in range(net.n_layers):
        layer = net.layers + k
        next_a = y if k == net.n_layers - 1 else buffers + (k % 2) * net.max_width * n_points
        fill_rows(net.kernels, <const real*>layer.b, n_points, layer.n_out, next_a)
        multiply[real](False, False, n_points, layer.n_out, layer.n_in, a, <const real*>layer.W, 1, next_a)
        activate_tile(net, layer, n_points, next_a, derivative_of(layer, n_points, workspace))
        a = next_a


# ---------------------------------------------------------------- the chain


cdef inline void apply_derivative(const network_t* net, const layer_t* layer, Py_ssize_t n_points,
                                  Py_ssize_t n_rows, bint forward, const real* d,
                                  real* block) noexcept nogil:
    """Each row r of a point's block becomes r·D, or r·Dᵀ in a forward sweep, in place."""
    cdef Py_ssize_t _point, n = layer.n_out
    if layer.derivative == UNIT:
        return
    if layer.derivative == DIAGONAL and n_rows == 1:
        scale_columns(net.kernels, block, d, 1, n_points * n, block)
        return
    for _point in range(n_points):
        if layer.derivative == DIAGONAL:
            scale_columns(net.kernels, block, d, n_rows, n, block)
        else:
            apply_dense(net.kernels, layer, forward, d, n_rows, block)
        block += n_rows * n
        d += n


cdef inline void form_normal(const network_t* net, const layer_t* layer, Py_ssize_t n_points,
                             const real* d, real* out) noexcept nogil:
    """out = D Wᵀ of each point, (n_out, n_in)."""
    cdef Py_ssize_t _point, size = layer.n_in * layer.n_out
    cdef const real* Wt = <const real*>layer.Wt
    for _point in range(n_points):
        if layer.derivative == UNIT:
            memcpy(out, Wt, size * sizeof(real))
        elif layer.derivative == DIAGONAL:
            scale_rows(net.kernels, Wt, d, layer.n_out, layer.n_in, out)
        else:
            form_dense(net.kernels, layer, d, out)
        out += size
        d += layer.n_out


cdef inline void form_transposed(const network_t* net, const layer_t* layer, Py_ssize_t n_points,
                                 const real* d, real* out) noexcept nogil:
    """out = (D Wᵀ)ᵀ = W Dᵀ of each point, (n_in, n_out)."""
    cdef Py_ssize_t _point, size = layer.n_in * layer.n_out
    cdef const real* W = <const real*>layer.W
    for _point in range(n_points):
        if layer.derivative == DIAGONAL:
            scale_columns(net.kernels, W, d, layer.n_in, layer.n_out, out)
        else:
            memcpy(out, W, size * sizeof(real))
            apply_derivative(net, layer, 1, layer.n_in, True, d, out)
        out += size
        d += layer.n_out


cdef inline void sweep_reverse(const network_t* net, const layer_t* layer, Py_ssize_t n_points,
                               Py_ssize_t n_rows, real* R, real* workspace, real* out) noexcept nogil:
    """out = (R D) Wᵀ; R (n_points, n_rows, n_out) is scaled in place."""
    apply_derivative(net, layer, n_points, n_rows, False, derivative_of(layer, n_points, workspace), R)
    multiply[real](False, False, n_points * n_rows, layer.n_in, layer.n_out, R, <const real*>layer.Wt, 0, out)


cdef inline void sweep_forward(const network_t* net, const layer_t* layer, Py_ssize_t n_points,
                               Py_ssize_t n_rows, const real* T, real* workspace, real* out) noexcept nogil:
    """out = (T W) Dᵀ; T is (n_points, n_rows, n_in)."""
    multiply[real](False, False, n_points * n_rows, layer.n_out, layer.n_in, T, <const real*>layer.W, 0, out)
    apply_derivative(net, layer, n_points, n_rows, True, derivative_of(layer, n_points, workspace), out)


cdef inline void meet(const step_t* step, Py_ssize_t n_points, const real* left, const real* right,
                      real* out) noexcept nogil:
    """out = left @ right of each point, in the orientation that the step asks for."""
    cdef Py_ssize_t _point, m = step.n_rows, n = step.n_cols, k = step.n_inner
    for _point in range(n_points):
        if step.out_transposed:
            multiply[real](not step.right_transposed, not step.left_transposed, n, m, k, right, left, 0, out)
        else:
            multiply[real](step.left_transposed, step.right_transposed, m, n, k, left, right, 0, out)
        left += m * k
        right += k * n
        out += m * n


cdef inline void transpose(const network_t* net, const step_t* step, Py_ssize_t n_points,
                           const real* block, real* out) noexcept nogil:
    """out = blockᵀ of each point; a block is (n_rows, n_cols)."""
    cdef Py_ssize_t _point, size = step.n_rows * step.n_cols
    for _point in range(n_points):
        copy_block(net.kernels, block, step.n_cols, step.n_rows, step.n_cols, out, 1, step.n_rows)
        block += size
        out += size


cdef void compute_jacobian(const network_t* net, const plan_t* plan, Py_ssize_t n_points,
                           real* workspace, real* J) noexcept nogil:
    """J (n_points, n_L, n_0) by the plan, after compute_value on the same workspace."""
    cdef Py_ssize_t i
    cdef const step_t* step
    cdef const layer_t* layer
    cdef real* out
    for i in range(plan.n_steps):
        step = plan.steps + i
        layer = net.layers + step.layer
        out = J if step.out < 0 else workspace + step.out * n_points
        if step.kind == FORM:
            if step.out_transposed:
                form_transposed(net, layer, n_points, derivative_of(layer, n_points, workspace), out)
            else:
                form_normal(net, layer, n_points, derivative_of(layer, n_points, workspace), out)
        elif step.kind == REVERSE:
            # The factor to the right is D W of `layer`: its D stands between the block and Wᵀ.
            sweep_reverse(net, layer, n_points, step.n_rows, workspace + step.left * n_points, workspace, out)
        elif step.kind == FORWARD:
            sweep_forward(net, layer, n_points, step.n_rows, workspace + step.right * n_points, workspace, out)
        elif step.kind == MEET:
            meet(step, n_points, workspace + step.left * n_points, workspace + step.right * n_points, out)
        else:
            transpose(net, step, n_points, workspace + step.left * n_points, out)


# ---------------------------------------------------------------- products without J


cdef void push_direction(const network_t* net, Py_ssize_t n_points, const real* v,
                         real* workspace, real* u) noexcept nogil:
    """u = J v, after compute_value on the same workspace."""
    cdef Py_ssize_t k
    cdef const real* T = v
    cdef real* out
    cdef real* buffers = workspace + (net.n_values - 3 * net.max_width) * n_points
    for k in range(net.n_layers):
        out = u if k == net.n_layers - 1 else buffers + (k % 2) * net.max_width * n_points
        sweep_forward(net, net.layers + k, n_points, 1, T, workspace, out)
        T = out


cdef void pull_weights(const network_t* net, Py_ssize_t n_points, const real* w,
                       real* workspace, real* g) noexcept nogil:
    """g = wᵀ J, after compute_value on the same workspace."""
    cdef Py_ssize_t k
    cdef real* buffers = workspace + (net.n_values - 3 * net.max_width) * n_points
    cdef real* R = buffers
    cdef real* out
    memcpy(R, w, n_points * net.layers[net.n_layers - 1].n_out * sizeof(real))
    for k in range(net.n_layers - 1, -1, -1):
        out = g if k == 0 else buffers + ((net.n_layers - k) % 2) * net.max_width * n_points
        sweep_reverse(net, net.layers + k, n_points, 1, R, workspace, out)
        R = out


# ---------------------------------------------------------------- results in any layout


cdef void scatter(const network_t* net, Py_ssize_t n_points, const real* blocks, Py_ssize_t n_rows,
                  Py_ssize_t n_cols, strides_t strides, real* out) noexcept nogil:
    """out[point, i, j] = blocks[point, i, j] for any strides of `out`."""
    cdef Py_ssize_t point
    for point in range(n_points):
        copy_block(net.kernels, blocks + point * n_rows * n_cols, n_cols, n_rows, n_cols,
                   out + point * strides.point, strides.row, strides.col)
