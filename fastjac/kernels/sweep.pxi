# The engine `packed`: the value pass and the plan's steps over weights in panels for the register tile.
#
# Scaling by a derivative and adding a bias are part of the product before it: a block that a reverse step
# will take arrives scaled already (step.scale), so that each element is touched once.

from libc.string cimport memcpy, memset

from fastjac.kernels.api cimport (
    DIAGONAL, FORM, FORWARD, MEET, REVERSE, UNIT, layer_t, network_t, plan_t, skip_t, step_t,
)


# Of a weight that carries units on, the corner alone is multiplied; what else it gives is added behind that.


cdef inline void add_skips(const layer_t* layer, bint forward, Py_ssize_t n_rows, const real* A, Py_ssize_t lda,
                           const real* init, const real* scale, Py_ssize_t scale_ld, Py_ssize_t rows_per_point,
                           real* C, Py_ssize_t ldc) noexcept nogil:
    """Add to C = (init + A @ W) * scale, or A @ Wᵀ, what the product by the corner leaves out."""
    cdef Py_ssize_t i, s, target, row = 0
    cdef Py_ssize_t dense = 0 if layer.dense_in == 0 else layer.dense_out if forward else layer.dense_in
    cdef Py_ssize_t n_rest = (layer.n_out if forward else layer.n_in) - dense
    cdef const skip_t* skip
    for i in range(n_rows):
        if init != NULL:
            memcpy(C + dense, init + dense, n_rest * sizeof(real))
        else:
            memset(C + dense, 0, n_rest * sizeof(real))
        for s in range(layer.n_skips):
            skip = layer.skips + s
            target = skip.target if forward else skip.source
            add_scaled(skip.n, A + (skip.source if forward else skip.target), <const real*>skip.factors,
                       scale + target if scale != NULL else <const real*>NULL, C + target)
        A += lda
        C += ldc
        row += 1
        if row == rows_per_point and scale != NULL:
            scale += scale_ld
            row = 0


# ---------------------------------------------------------------- the value pass

# The workspace is that of the engine `blas`; the third row of max_width elements takes indices of units.


cdef inline real* derivative_of(const layer_t* layer, Py_ssize_t n_points, real* workspace) noexcept nogil:
    return workspace + layer.d_offset * n_points


cdef inline real* buffer_of(const network_t* net, Py_ssize_t which, Py_ssize_t n_points,
                            real* workspace) noexcept nogil:
    return workspace + (net.n_values - (3 - which) * net.max_width) * n_points


cdef inline void activate_rows(const layer_t* layer, Py_ssize_t n_points, real* a, real* d) noexcept nogil:
    """a ← f(a) and d ← f'(a), in place, for rows of length ld."""
    cdef Py_ssize_t point, i, n = layer.ld * n_points
    cdef const real* p = <const real*>layer.p
    cdef bint whole = (
        layer.derivative == DIAGONAL and not layer.has_parameters and layer.n_active == layer.n_out
        and layer.custom == NULL)
    if layer.derivative == UNIT:
        return
    if not whole:
        for point in range(n_points):
            for i in range(layer.n_active, layer.ld):
                d[point * layer.ld + i] = i < layer.n_out
    for point in range(1 if whole else n_points):
        if layer.custom != NULL:
            layer.custom(layer.context, sizeof(real) == sizeof(double), layer.n_active, a + point * layer.ld,
                         d + point * layer.ld, p)
        elif real is double:
            functions.f64.activations[layer.activation](
                a + point * layer.ld, p, n if whole else layer.n_active, a + point * layer.ld, d + point * layer.ld)
        else:
            functions.f32.activations[layer.activation](
                a + point * layer.ld, p, n if whole else layer.n_active, a + point * layer.ld, d + point * layer.ld)


cdef void packed_value(const network_t* net, Py_ssize_t n_points, const real* x,
                       real* workspace, real* y) noexcept nogil:
    """y = F(x) for x (n_points, n_0); leaves the derivatives of all layers in the workspace."""
    cdef Py_ssize_t k, i, point, n_active, lda = net.layers[0].n_in
    cdef const layer_t* layer = net.layers
    cdef const real* a = x
    cdef real* next_a
    cdef int* index = <int*>buffer_of(net, 2, n_points, workspace)
    for k in range(net.n_layers):
        layer = net.layers + k
        next_a = buffer_of(net, k % 2, n_points, workspace)
        if layer.dense_in == 0:
            pass
        elif n_points == 1 and k > 0 and (layer - 1).vanishes and n_vectors_of(layer.dense_out, x) > 1:
            # Zeros of relu: half of the weights need not be read. (In a panel of one vector the place
            # of a term decides to which chain it belongs: there, all of them count.)
            n_active = list_nonzero(a, layer.dense_in, index)
            product(1, n_active, layer.dense_out, index, True, a, lda, 1, <const real*>layer.W_panels, 0,
                    <const real*>layer.b, <const real*>NULL, 0, 1, next_a, layer.ld, layer.dense_in)
        else:
            product(n_points, layer.dense_in, layer.dense_out, NULL, False, a, lda, 1, <const real*>layer.W_panels, 0,
                    <const real*>layer.b, <const real*>NULL, 0, 1, next_a, layer.ld, layer.dense_in)
        if layer.n_skips:
            add_skips(layer, True, n_points, a, lda, <const real*>layer.b, <const real*>NULL, 0, 1, next_a, layer.ld)
        activate_rows(layer, n_points, next_a, derivative_of(layer, n_points, workspace))
        a, lda = next_a, layer.ld
    # A sum that lost terms of zero may be −0 instead of 0.
    for point in range(n_points):
        for i in range(layer.n_out):
            y[point * layer.n_out + i] = a[point * lda + i] + 0


# ---------------------------------------------------------------- derivatives on blocks


cdef inline bint is_dense(const layer_t* layer) noexcept nogil:
    return layer.derivative != UNIT and layer.derivative != DIAGONAL


cdef inline void apply_dense_of(const layer_t* layer, Py_ssize_t n_points, Py_ssize_t n_rows, bint forward,
                                const real* d, Py_ssize_t ld, real* blocks) noexcept nogil:
    """Each row r of each point's block becomes r·D, or r·Dᵀ in a forward sweep, if D is dense."""
    cdef Py_ssize_t point
    if is_dense(layer):
        for point in range(n_points):
            apply_dense(layer.derivative, forward, d + point * layer.ld, <const real*>layer.p, n_rows,
                        layer.n_active, ld, blocks + point * n_rows * ld)


cdef inline const real* scale_of(const layer_t* layer, Py_ssize_t n_points, real* workspace) noexcept nogil:
    """The derivatives that a product can multiply its columns by, or NULL."""
    if layer == NULL or layer.derivative != DIAGONAL:
        return NULL
    return derivative_of(layer, n_points, workspace)


cdef inline void constant_product(const network_t* net, const layer_t* layer, bint forward, const layer_t* sparse,
                                  Py_ssize_t n_points, Py_ssize_t n_rows, const real* A, Py_ssize_t lda,
                                  const layer_t* scaled_by, real* workspace, real* out,
                                  Py_ssize_t ldc) noexcept nogil:
    """out = A @ W, or A @ Wᵀ, for the blocks of all points, columns scaled by the derivative of `scaled_by`.

    `sparse`, or NULL, is the layer whose derivative has scaled the columns of A: where it is exactly
    zero, the sum over k leaves the unit out.
    """
    cdef Py_ssize_t point, n_active
    cdef Py_ssize_t n_inner = layer.dense_in if forward else layer.dense_out
    cdef Py_ssize_t n_cols = layer.dense_out if forward else layer.dense_in
    cdef const real* panels = <const real*>(layer.W_panels if forward else layer.Wt_panels)
    cdef const real* scale = scale_of(scaled_by, n_points, workspace)
    cdef Py_ssize_t scale_ld = scaled_by.ld if scaled_by != NULL else 0
    cdef const real* d
    cdef int* index = <int*>buffer_of(net, 2, n_points, workspace)
    if n_inner == 0:
        pass
    elif sparse == NULL:
        product(n_points * n_rows, n_inner, n_cols, NULL, False, A, lda, 1, panels, 0, <const real*>NULL,
                scale, scale_ld, n_rows, out, ldc, n_inner)
    else:
        d = derivative_of(sparse, n_points, workspace)
        for point in range(n_points):
            n_active = list_nonzero(d + point * sparse.ld, n_inner, index)
            product(n_rows, n_active, n_cols, index, False, A + point * n_rows * lda, lda, 1, panels, 0,
                    <const real*>NULL, scale + point * scale_ld if scale != NULL else NULL, scale_ld, n_rows,
                    out + point * n_rows * ldc, ldc, n_inner)
    if layer.n_skips:
        add_skips(layer, forward, n_points * n_rows, A, lda, <const real*>NULL, scale, scale_ld, n_rows, out, ldc)


# ---------------------------------------------------------------- steps


cdef inline void form_block(const layer_t* layer, const layer_t* scaled_by, const step_t* step,
                            Py_ssize_t n_points, real* workspace, real* out, Py_ssize_t ld) noexcept nogil:
    """out = D Wᵀ of each point, times the columns' scale, or its transpose W Dᵀ."""
    cdef Py_ssize_t point, i, j, n_rows = step.n_rows, n_cols = step.n_cols, lda = padded(n_cols, out)
    cdef const real* d = derivative_of(layer, n_points, workspace)
    cdef const real* scale = scale_of(layer if step.out_transposed else scaled_by, n_points, workspace)
    cdef Py_ssize_t scale_ld = layer.ld if step.out_transposed else (scaled_by.ld if scaled_by != NULL else 0)
    cdef const real* W = <const real*>(layer.W if step.out_transposed else layer.Wt)
    cdef bint by_rows = not step.out_transposed and layer.derivative == DIAGONAL
    for point in range(n_points):
        if not step.out_transposed and is_dense(layer):
            form_dense(layer.derivative, W, lda, d, <const real*>layer.p, n_rows, layer.n_active, n_cols, out, ld)
            if scale != NULL:
                for i in range(n_rows):
                    for j in range(n_cols):
                        out[i * ld + j] *= scale[j]
        else:
            form(n_rows, n_cols, W, lda, d if by_rows else NULL, scale, out, ld)
        if step.out_transposed:
            apply_dense_of(layer, 1, n_rows, True, d, ld, out)
        if scale != NULL:
            scale += scale_ld
        d += layer.ld
        out += n_rows * ld


cdef inline void meet_blocks(const network_t* net, const layer_t* sparse, const step_t* step,
                             const layer_t* scaled_by, Py_ssize_t n_points,
                             const real* left, Py_ssize_t ld_left, const real* right, Py_ssize_t ld_right,
                             real* workspace, real* out, Py_ssize_t ld) noexcept nogil:
    """out = left @ right of each point, or its transpose; the planner has the factor with rows.

    `sparse`, or NULL, is the layer whose derivative has scaled the rows of `right`.
    """
    cdef Py_ssize_t point, n_terms = step.n_inner
    cdef const real* scale = scale_of(scaled_by, n_points, workspace)
    cdef int* index = NULL
    if sparse != NULL:
        index = <int*>buffer_of(net, 2, n_points, workspace)
    for point in range(n_points):
        if sparse != NULL:
            n_terms = list_nonzero(derivative_of(sparse, n_points, workspace) + point * sparse.ld, step.n_inner, index)
        if step.out_transposed:
            # rightᵀ (n_cols, n_inner) times leftᵀ, which is stored by rows of n_inner.
            product(step.n_cols, n_terms, step.n_rows, index, False, right,
                    1 if not step.right_transposed else ld_right,
                    ld_right if not step.right_transposed else 1, left, ld_left, <const real*>NULL,
                    <const real*>NULL, 0, 1, out, ld, step.n_inner)
            out += step.n_cols * ld
        else:
            product(step.n_rows, n_terms, step.n_cols, index, False, left,
                    1 if step.left_transposed else ld_left,
                    ld_left if step.left_transposed else 1, right, ld_right, <const real*>NULL,
                    scale, 0, step.n_rows, out, ld, step.n_inner)
            out += step.n_rows * ld
            if scale != NULL:
                scale += scaled_by.ld
        left += (step.n_inner if step.left_transposed else step.n_rows) * ld_left
        right += (step.n_cols if step.right_transposed else step.n_inner) * ld_right


cdef void packed_jacobian(const network_t* net, const plan_t* plan, Py_ssize_t n_points,
                          real* workspace, real* J) noexcept nogil:
    """J (n_points, n_L, n_0) by the plan, after packed_value on the same workspace."""
    cdef Py_ssize_t i, point, ld, n_cols
    cdef const step_t* step
    cdef const layer_t* layer
    cdef const layer_t* scaled_by
    cdef const layer_t* sparse
    cdef real* out
    for i in range(plan.n_steps):
        step = plan.steps + i
        layer = net.layers + step.layer
        scaled_by = net.layers + step.scale if step.scale >= 0 else NULL
        sparse = net.layers + step.sparse if step.sparse >= 0 else NULL
        n_cols = step.n_rows if step.kind == MEET and step.out_transposed else step.n_cols
        out = J if step.out < 0 else workspace + step.out * n_points
        ld = n_cols if step.out < 0 else padded(n_cols, J)
        if step.kind == FORM:
            form_block(layer, scaled_by, step, n_points, workspace, out, ld)
        elif step.kind == REVERSE:
            constant_product(net, layer, False, sparse, n_points, step.n_rows, workspace + step.left * n_points,
                             padded(step.n_inner, J), scaled_by, workspace, out, ld)
        elif step.kind == FORWARD:
            constant_product(net, layer, True, sparse, n_points, step.n_rows, workspace + step.right * n_points,
                             padded(step.n_inner, J), layer, workspace, out, ld)
            apply_dense_of(layer, n_points, step.n_rows, True, derivative_of(layer, n_points, workspace), ld, out)
        elif step.kind == MEET:
            meet_blocks(net, sparse, step, scaled_by, n_points, workspace + step.left * n_points,
                        padded(step.n_rows if step.left_transposed else step.n_inner, J),
                        workspace + step.right * n_points,
                        padded(step.n_inner if step.right_transposed else step.n_cols, J),
                        workspace, out, ld)
        else:
            for point in range(n_points):
                copy_block(workspace + step.left * n_points + point * step.n_rows * padded(n_cols, J),
                           padded(n_cols, J), step.n_rows, n_cols, out + point * step.n_rows * n_cols, 1, step.n_rows)
        if scaled_by != NULL:
            apply_dense_of(scaled_by, n_points, step.n_rows, False,
                           derivative_of(scaled_by, n_points, workspace), ld, out)


# ---------------------------------------------------------------- products without J


cdef void packed_push(const network_t* net, Py_ssize_t n_points, const real* v,
                      real* workspace, real* u) noexcept nogil:
    """u = J v, after packed_value on the same workspace."""
    cdef Py_ssize_t k, lda = net.layers[0].n_in, ld
    cdef const layer_t* layer
    cdef const real* T = v
    cdef real* out
    for k in range(net.n_layers):
        layer = net.layers + k
        out = u if k == net.n_layers - 1 else buffer_of(net, k % 2, n_points, workspace)
        ld = layer.n_out if k == net.n_layers - 1 else layer.ld
        constant_product(net, layer, True, NULL, n_points, 1, T, lda, layer, workspace, out, ld)
        apply_dense_of(layer, n_points, 1, True, derivative_of(layer, n_points, workspace), ld, out)
        T, lda = out, ld


cdef void packed_pull(const network_t* net, Py_ssize_t n_points, const real* w,
                      real* workspace, real* g) noexcept nogil:
    """g = wᵀ J, after packed_value on the same workspace."""
    cdef Py_ssize_t k, j, point, ld
    cdef const layer_t* layer = net.layers + net.n_layers - 1
    cdef const layer_t* before
    cdef const real* d = derivative_of(layer, n_points, workspace)
    cdef real* R = buffer_of(net, net.n_layers % 2, n_points, workspace)
    cdef real* out
    for point in range(n_points):
        for j in range(layer.n_out):
            R[point * layer.ld + j] = w[point * layer.n_out + j]
            if layer.derivative == DIAGONAL:
                R[point * layer.ld + j] *= d[point * layer.ld + j]
    apply_dense_of(layer, n_points, 1, False, d, layer.ld, R)
    for k in range(net.n_layers - 1, -1, -1):
        layer = net.layers + k
        before = layer - 1 if k > 0 else NULL
        out = g if k == 0 else buffer_of(net, k % 2, n_points, workspace)
        ld = layer.n_in if k == 0 else before.ld
        constant_product(net, layer, False, NULL, n_points, 1, R, layer.ld, before, workspace, out, ld)
        if k > 0:
            apply_dense_of(before, n_points, 1, False, derivative_of(before, n_points, workspace), ld, out)
        R = out
