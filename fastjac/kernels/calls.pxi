# The kernels of a table by name, for code that is fused over `real`.


cdef inline void activate(const kernels_t* kernels, int code, const real* h, const real* p,
                          Py_ssize_t n, real* a, real* d) noexcept nogil:
    if real is double:
        kernels.f64.activations[code](h, p, n, a, d)
    else:
        kernels.f32.activations[code](h, p, n, a, d)


cdef inline void scale_rows(const kernels_t* kernels, const real* A, const real* d,
                            Py_ssize_t n_rows, Py_ssize_t n_cols, real* out) noexcept nogil:
    if real is double:
        kernels.f64.scale_rows(A, d, n_rows, n_cols, out)
    else:
        kernels.f32.scale_rows(A, d, n_rows, n_cols, out)


cdef inline void scale_columns(const kernels_t* kernels, const real* A, const real* d,
                               Py_ssize_t n_rows, Py_ssize_t n_cols, real* out) noexcept nogil:
    if real is double:
        kernels.f64.scale_columns(A, d, n_rows, n_cols, out)
    else:
        kernels.f32.scale_columns(A, d, n_rows, n_cols, out)


cdef inline void fill_rows(const kernels_t* kernels, const real* b, Py_ssize_t n_rows,
                           Py_ssize_t n_cols, real* out) noexcept nogil:
    if real is double:
        kernels.f64.fill_rows(b, n_rows, n_cols, out)
    else:
        kernels.f32.fill_rows(b, n_rows, n_cols, out)


cdef inline void copy_block(const kernels_t* kernels, const real* A, Py_ssize_t lda, Py_ssize_t n_rows,
                            Py_ssize_t n_cols, real* out, Py_ssize_t row_stride,
                            Py_ssize_t col_stride) noexcept nogil:
    if real is double:
        kernels.f64.copy_block(A, lda, n_rows, n_cols, out, row_stride, col_stride)
    else:
        kernels.f32.copy_block(A, lda, n_rows, n_cols, out, row_stride, col_stride)


cdef inline void form_dense(const kernels_t* kernels, const layer_t* layer, const real* d, real* out) noexcept nogil:
    """out = D Wᵀ of a layer whose D is dense."""
    if real is double:
        kernels.f64.form_dense(layer.derivative, <const real*>layer.Wt, layer.n_in, d, <const real*>layer.p,
                               layer.n_out, layer.n_active, layer.n_in, out, layer.n_in)
    else:
        kernels.f32.form_dense(layer.derivative, <const real*>layer.Wt, layer.n_in, d, <const real*>layer.p,
                               layer.n_out, layer.n_active, layer.n_in, out, layer.n_in)


cdef inline void apply_dense(const kernels_t* kernels, const layer_t* layer, bint forward, const real* d,
                             Py_ssize_t n_rows, real* R) noexcept nogil:
    """R ← R D of a layer whose D is dense, or R ← R Dᵀ in a forward sweep."""
    if real is double:
        kernels.f64.apply_dense(layer.derivative, forward, d, <const real*>layer.p, n_rows, layer.n_active,
                                layer.n_out, R)
    else:
        kernels.f32.apply_dense(layer.derivative, forward, d, <const real*>layer.p, n_rows, layer.n_active,
                                layer.n_out, R)
