# Copies between a row-major block and memory with any strides.

cdef void copy_block(const real* A, Py_ssize_t lda, Py_ssize_t n_rows, Py_ssize_t n_cols,
                     real* out, Py_ssize_t row_stride, Py_ssize_t col_stride) noexcept nogil:
    """out[i*row_stride + j*col_stride] = A[i, j], A having rows of length lda; strides count elements, of either sign."""
    cdef Py_ssize_t i, j, i_start, j_start, i_end, j_end
    if col_stride == 1:
        for i in range(n_rows):
            for j in range(n_cols):
                out[i * row_stride + j] = A[i * lda + j]
        return
    # Squares of 16 × 16, so that the lines of both sides stay in the L1 cache.
    for i_start in range(0, n_rows, 16):
        i_end = min(i_start + 16, n_rows)
        for j_start in range(0, n_cols, 16):
            j_end = min(j_start + 16, n_cols)
            for j in range(j_start, j_end):
                for i in range(i_start, i_end):
                    out[i * row_stride + j * col_stride] = A[i * lda + j]
