# Weights in panels, and products over them by the register tile of tile.h.
#
# A panel is up to FJ_PANEL_VECTORS vectors of columns, stored row after row, so that the tile reads it from
# front to back. Rows of blocks are padded to whole vectors; what stands in the padding is never used.

cdef extern from "tiles.h" nogil:
    enum:
        FJ_TILE_ROWS
        FJ_FEW_ROWS
        FJ_MOST_SUMS
        FJ_PANEL_VECTORS
        FJ_VECTOR_NBYTES
    void fj_any_tile_f64(
        int n_rows, int w0, int w1, int w2, Py_ssize_t first, Py_ssize_t stop, const int* index,
        const double* A, Py_ssize_t A_row, Py_ssize_t A_inner,
        const double* B, Py_ssize_t ldb, Py_ssize_t gap, const double* init, bint add,
        const double* const* scale, Py_ssize_t scale_offset,
        double* C, Py_ssize_t ldc, Py_ssize_t n_last_lanes)
    void fj_any_tile_f32(
        int n_rows, int w0, int w1, int w2, Py_ssize_t first, Py_ssize_t stop, const int* index,
        const float* A, Py_ssize_t A_row, Py_ssize_t A_inner,
        const float* B, Py_ssize_t ldb, Py_ssize_t gap, const float* init, bint add,
        const float* const* scale, Py_ssize_t scale_offset,
        float* C, Py_ssize_t ldc, Py_ssize_t n_last_lanes)
    void fj_form_f64(
        Py_ssize_t n_rows, Py_ssize_t n_vectors, const double* A, Py_ssize_t lda, const double* rows,
        const double* columns, double* out, Py_ssize_t ld, Py_ssize_t n_last_lanes)
    void fj_form_f32(
        Py_ssize_t n_rows, Py_ssize_t n_vectors, const float* A, Py_ssize_t lda, const float* rows,
        const float* columns, float* out, Py_ssize_t ld, Py_ssize_t n_last_lanes)
    Py_ssize_t fj_list_nonzero_f64(const double* d, Py_ssize_t n, int* index)
    Py_ssize_t fj_list_nonzero_f32(const float* d, Py_ssize_t n, int* index)
    void fj_add_scaled_f64(
        Py_ssize_t n, const double* a, const double* factors, const double* by, double* c)
    void fj_add_scaled_f32(Py_ssize_t n, const float* a, const float* factors, const float* by, float* c)


# Where the sums of a product without a bias start: a row of the widest tile in the longest vectors.
cdef double ZEROS[72]


# ---------------------------------------------------------------- layout

cdef inline Py_ssize_t n_lanes(const real* of_type) noexcept nogil:
    return FJ_VECTOR_NBYTES // <Py_ssize_t>sizeof(real)


cdef inline Py_ssize_t n_vectors_of(Py_ssize_t n, const real* of_type) noexcept nogil:
    return (n + n_lanes(of_type) - 1) // n_lanes(of_type)


cdef inline Py_ssize_t padded(Py_ssize_t n, const real* of_type) noexcept nogil:
    return n_vectors_of(n, of_type) * n_lanes(of_type)


cdef inline Py_ssize_t panel_start(Py_ssize_t panel, Py_ssize_t n_vectors) noexcept nogil:
    """First vector of a panel, at most n_vectors. The first panels are narrower by one, so that none is by two."""
    cdef Py_ssize_t n_missing = (FJ_PANEL_VECTORS - n_vectors % FJ_PANEL_VECTORS) % FJ_PANEL_VECTORS
    return min(n_vectors, FJ_PANEL_VECTORS * panel - min(panel, n_missing))


cdef inline Py_ssize_t last_lanes(Py_ssize_t n_cols, Py_ssize_t ld, const real* of_type) noexcept nogil:
    """Elements of a row's last vector that may be written: all of them where rows are padded."""
    cdef Py_ssize_t lanes = n_lanes(of_type)
    return lanes if ld >= padded(n_cols, of_type) else (n_cols - 1) % lanes + 1


cdef void pack_panels(const real* W, Py_ssize_t n_rows, Py_ssize_t n_cols, real* panels) noexcept nogil:
    """Copy W (n_rows, n_cols) into panels of whole vectors, padded with zeros."""
    cdef Py_ssize_t lanes = n_lanes(W), n_vectors = n_vectors_of(n_cols, W)
    cdef Py_ssize_t panel = 0, first, width, i, j
    while panel_start(panel, n_vectors) < n_vectors:
        first = panel_start(panel, n_vectors) * lanes
        width = panel_start(panel + 1, n_vectors) * lanes - first
        for i in range(n_rows):
            for j in range(width):
                panels[i * width + j] = W[i * n_cols + first + j] if first + j < n_cols else 0
        panels += n_rows * width
        panel += 1


# ---------------------------------------------------------------- products

cdef inline Py_ssize_t piece_of(const real* of_type) noexcept nogil:
    """Terms that are summed in a row. Longer sums are made of such pieces.

    That bounds their rounding error, of which float32 has less to give away, and a panel's piece stays in the
    L1 cache while the rows pass by.
    """
    return 128 if real is double else 64


cdef inline void product(Py_ssize_t n_rows, Py_ssize_t n_inner, Py_ssize_t n_cols, const int* index, bint in_place,
                         const real* A, Py_ssize_t A_row, Py_ssize_t A_inner,
                         const real* B, Py_ssize_t ldb, const real* init,
                         const real* scale, Py_ssize_t scale_ld, Py_ssize_t rows_per_point,
                         real* C, Py_ssize_t ldc, Py_ssize_t all_inner) noexcept nogil:
    """C = (init + A @ B) * scale, scale having one row for each `rows_per_point` rows of C.

    B lies in panels of `all_inner` rows (ldb = 0), or has padded rows of length ldb. Where there is an
    `index`, the sum goes over the n_inner values of k that it lists: in pieces of as many terms, or, where
    they stay `in_place`, in the pieces of the whole sum, the other terms of which are taken for zeros.
    """
    cdef Py_ssize_t lanes = n_lanes(A), n_vectors = n_vectors_of(n_cols, A)
    cdef Py_ssize_t gap = lanes if ldb else all_inner * lanes
    cdef Py_ssize_t panel = 0, start = 0, stop, n_pieces, l, l_stop
    cdef int widths[3]
    while start < n_vectors:
        panel = take_panels(panel, n_rows, n_vectors, widths)
        stop = panel_start(panel, n_vectors)
        n_pieces, l = 0, 0
        while n_pieces == 0 or l < n_inner:
            n_pieces += 1
            l_stop = min(l + piece_of(A), n_inner)
            while in_place and l_stop > l and index[l_stop - 1] >= n_pieces * piece_of(A):
                l_stop -= 1
            multiply_rows(n_rows, widths, l, l_stop, index, A, A_row, A_inner, B + start * gap, ldb, gap,
                          init + start * lanes if init != NULL and n_pieces == 1 else <const real*>ZEROS,
                          n_pieces > 1, scale if l_stop == n_inner else NULL, scale_ld, rows_per_point,
                          start * lanes, C + start * lanes, ldc,
                          last_lanes(n_cols, ldc, A) if stop == n_vectors else lanes)
            l = l_stop
        start = stop


cdef inline Py_ssize_t take_panels(Py_ssize_t panel, Py_ssize_t n_rows, Py_ssize_t n_vectors,
                                   int* widths) noexcept nogil:
    """Widths of the panels that a tile of so many rows takes at once, zeros behind them; the next panel."""
    cdef Py_ssize_t n = 0, n_most = 3 if n_rows == 1 else 2 if n_rows <= FJ_FEW_ROWS else 1
    cdef Py_ssize_t start = panel_start(panel, n_vectors), first = start, stop
    widths[0] = widths[1] = widths[2] = 0
    while n < n_most and first < n_vectors:
        stop = panel_start(panel + 1, n_vectors)
        if n > 0 and n_rows * (stop - start) > FJ_MOST_SUMS:
            break
        widths[n] = <int>(stop - first)
        first, panel, n = stop, panel + 1, n + 1
    return panel


cdef inline void multiply_rows(Py_ssize_t n_rows, const int* widths, Py_ssize_t l, Py_ssize_t l_stop,
                               const int* index, const real* A, Py_ssize_t A_row, Py_ssize_t A_inner,
                               const real* B, Py_ssize_t ldb, Py_ssize_t gap, const real* init, bint add,
                               const real* scale, Py_ssize_t scale_ld, Py_ssize_t rows_per_point,
                               Py_ssize_t scale_offset, real* C, Py_ssize_t ldc,
                               Py_ssize_t n_last_lanes) noexcept nogil:
    """All rows times neighbouring panels of these widths, tile by tile."""
    cdef Py_ssize_t i = 0, row = 0
    cdef int r, n
    cdef const real* scales[FJ_TILE_ROWS]
    while i < n_rows:
        n = <int>min(FJ_TILE_ROWS, n_rows - i)
        if scale != NULL:
            for r in range(n):
                scales[r] = scale
                row += 1
                if row == rows_per_point:
                    scale += scale_ld
                    row = 0
        if real is double:
            fj_any_tile_f64(n, widths[0], widths[1], widths[2], l, l_stop, index, A + i * A_row, A_row, A_inner,
                            B, ldb, gap, init, add, scales if scale != NULL else NULL, scale_offset,
                            C + i * ldc, ldc, n_last_lanes)
        else:
            fj_any_tile_f32(n, widths[0], widths[1], widths[2], l, l_stop, index, A + i * A_row, A_row, A_inner,
                            B, ldb, gap, init, add, scales if scale != NULL else NULL, scale_offset,
                            C + i * ldc, ldc, n_last_lanes)
        i += n


cdef inline void form(Py_ssize_t n_rows, Py_ssize_t n_cols, const real* A, Py_ssize_t lda, const real* rows,
                      const real* columns, real* out, Py_ssize_t ld) noexcept nogil:
    """out = rows[:, None] * A * columns, either of which may be NULL for ones; rows of A are padded."""
    if real is double:
        fj_form_f64(n_rows, n_vectors_of(n_cols, A), A, lda, rows, columns, out, ld, last_lanes(n_cols, ld, A))
    else:
        fj_form_f32(n_rows, n_vectors_of(n_cols, A), A, lda, rows, columns, out, ld, last_lanes(n_cols, ld, A))


cdef inline void add_scaled(Py_ssize_t n, const real* a, const real* factors, const real* by, real* c) noexcept nogil:
    """c += a * factors * by, where `by` may be NULL for ones; `c` may not alias the others."""
    if real is double:
        fj_add_scaled_f64(n, a, factors, by, c)
    else:
        fj_add_scaled_f32(n, a, factors, by, c)


cdef inline Py_ssize_t list_nonzero(const real* d, Py_ssize_t n, int* index) noexcept nogil:
    """The indices of what is not zero, NaN being not zero."""
    if real is double:
        return fj_list_nonzero_f64(d, n, index)
    else:
        return fj_list_nonzero_f32(d, n, index)
