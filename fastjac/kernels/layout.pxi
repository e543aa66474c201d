# Copies between a row-major block and memory with any strides.

cdef void copy_block(const real* A, Py_ssize_t lda, Py_ssize_t n_rows, Py_ssize_t n_cols,
                     real* out, Py_ssize_t row_stride, Py_ssize_t col_stride) noexcept nogil:
    """out[i*row_stride + j*col_stride] = A[i, j]; rows of A have the length lda, strides are of either sign."""
    cdef Py_ssize_t i, j, i_start, j_start, i_end, j_end
    if col_stride == 1:
        for i in range(n_rows):
            for j in range(n_cols):
                out[i * row_stride + j] = A[i * lda + j]
        return
    # Squares of 16 × 16, so that the lines of both sides stay in the L1 cache; four columns at once, as
    # what the loop itself takes would be most of the time.
    for i_start in range(0, n_rows, 16):
        i_end = min(i_start + 16, n_rows)
        for j_start in range(0, n_cols, 16):
            j_end = min(j_start + 16, n_cols)
            j = j_start
            while j + 4 <= j_end:
                for i in range(i_start, i_end):
                    out[i * row_stride + j * col_stride] = A[i * lda + j]
                    out[i * row_stride + (j + 1) * col_stride] = A[i * lda + j + 1]
                    out[i * row_stride + (j + 2) * col_stride] = A[i * lda + j + 2]
                    out[i * row_stride + (j + 3) * col_stride] = A[i * lda + j + 3]
                j += 4
            for j in range(j, j_end):
                for i in range(i_start, i_end):
                    out[i * row_stride + j * col_stride] = A[i * lda + j]
