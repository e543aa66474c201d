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


cdef inline void form_dense(const kernels_t* kernels, bint logarithmic, const real* Wt, const real* s,
                            Py_ssize_t n_rows, Py_ssize_t n_cols, real* out) noexcept nogil:
    if real is double:
        if logarithmic:
            kernels.f64.form_log_softmax(Wt, n_cols, s, n_rows, n_cols, out, n_cols)
        else:
            kernels.f64.form_softmax(Wt, n_cols, s, n_rows, n_cols, out, n_cols)
    else:
        if logarithmic:
            kernels.f32.form_log_softmax(Wt, n_cols, s, n_rows, n_cols, out, n_cols)
        else:
            kernels.f32.form_softmax(Wt, n_cols, s, n_rows, n_cols, out, n_cols)


cdef inline void apply_softmax(const kernels_t* kernels, const real* s, Py_ssize_t n_rows,
                               Py_ssize_t n_cols, real* R) noexcept nogil:
    if real is double:
        kernels.f64.apply_softmax(s, n_rows, n_cols, R)
    else:
        kernels.f32.apply_softmax(s, n_rows, n_cols, R)


cdef inline void apply_log_softmax(const kernels_t* kernels, bint forward, const real* s,
                                   Py_ssize_t n_rows, Py_ssize_t n_cols, real* R) noexcept nogil:
    if real is double:
        if forward:
            kernels.f64.apply_log_softmax_forward(s, n_rows, n_cols, R)
        else:
            kernels.f64.apply_log_softmax_reverse(s, n_rows, n_cols, R)
    else:
        if forward:
            kernels.f32.apply_log_softmax_forward(s, n_rows, n_cols, R)
        else:
            kernels.f32.apply_log_softmax_reverse(s, n_rows, n_cols, R)
