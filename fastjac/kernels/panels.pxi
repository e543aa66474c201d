# Weights in panels, and products over them by the register tile of tile.h.
#
# A panel is up to FJ_TILE_VECTORS vectors of columns, stored row after row, so that the tile reads it from
# front to back. Rows of blocks are padded to whole vectors; what stands in the padding is never used.

cdef extern from "tiles.h" nogil:
    enum:
        FJ_TILE_ROWS
        FJ_TILE_VECTORS
        FJ_VECTOR_NBYTES
    void fj_any_tile_f64(
        int n_rows, int n_vectors, Py_ssize_t n_inner, const int* index,
        const double* A, Py_ssize_t A_row, Py_ssize_t A_inner, const double* B, Py_ssize_t ldb,
        const double* init, bint add, const double* const* scale, Py_ssize_t scale_offset,
        double* C, Py_ssize_t ldc, Py_ssize_t n_last_lanes)
    void fj_any_tile_f32(
        int n_rows, int n_vectors, Py_ssize_t n_inner, const int* index,
        const float* A, Py_ssize_t A_row, Py_ssize_t A_inner, const float* B, Py_ssize_t ldb,
        const float* init, bint add, const float* const* scale, Py_ssize_t scale_offset,
        float* C, Py_ssize_t ldc, Py_ssize_t n_last_lanes)


# Where the sums of a product without a bias start: three vectors of the longest kind.
cdef double ZEROS[24]


# ---------------------------------------------------------------- layout

cdef inline Py_ssize_t n_lanes(const real* of_type) noexcept nogil:
    return FJ_VECTOR_NBYTES // <Py_ssize_t>sizeof(real)


cdef inline Py_ssize_t n_vectors_of(Py_ssize_t n, const real* of_type) noexcept nogil:
    return (n + n_lanes(of_type) - 1) // n_lanes(of_type)


cdef inline Py_ssize_t padded(Py_ssize_t n, const real* of_type) noexcept nogil:
    return n_vectors_of(n, of_type) * n_lanes(of_type)


cdef inline Py_ssize_t panel_start(Py_ssize_t panel, Py_ssize_t n_vectors) noexcept nogil:
    """First vector of a panel: panels are as even as they can be, so that none is left narrow."""
    cdef Py_ssize_t n_panels = (n_vectors + FJ_TILE_VECTORS - 1) // FJ_TILE_VECTORS
    return n_vectors * panel // n_panels


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

cdef enum:
    # Terms that are summed in a row. Longer sums are made of such pieces: that bounds their rounding
    # error, and a panel's piece stays in the L1 cache while the rows pass by.
    PIECE = 64


cdef inline void product(Py_ssize_t n_rows, Py_ssize_t n_inner, Py_ssize_t n_cols, const int* index,
                         const real* A, Py_ssize_t A_row, Py_ssize_t A_inner,
                         const real* B, Py_ssize_t ldb, const real* init,
                         const real* scale, Py_ssize_t scale_ld, Py_ssize_t rows_per_point,
                         real* C, Py_ssize_t ldc, Py_ssize_t all_inner) noexcept nogil:
    """C = (init + A @ B) * scale, scale having one row for each `rows_per_point` rows of C.

    B lies in panels of `all_inner` rows (ldb = 0), or is a block with rows of length ldb. Where there
    is an `index`, the sum goes over the n_inner values of k that it lists.
    """
    cdef Py_ssize_t lanes = n_lanes(A), n_vectors = n_vectors_of(n_cols, A)
    cdef Py_ssize_t panel = 0, first, width, stride, n_last_lanes, k, n_terms
    cdef const real* B_panel
    cdef const real* start
    while panel_start(panel, n_vectors) < n_vectors:
        first = panel_start(panel, n_vectors)
        width = panel_start(panel + 1, n_vectors) - first
        n_last_lanes = lanes
        if first + width == n_vectors and ldc < n_vectors * lanes:
            n_last_lanes = n_cols - (n_vectors - 1) * lanes
        stride = ldb if ldb else width * lanes
        B_panel = B + (first * lanes if ldb else all_inner * first * lanes)
        start = init + first * lanes if init != NULL else <const real*>ZEROS
        k = 0
        while k == 0 or k < n_inner:
            n_terms = min(PIECE, n_inner - k)
            multiply_panel(n_rows, width, n_terms, index + k if index != NULL else NULL,
                           A if index != NULL else A + k * A_inner, A_row, A_inner,
                           B_panel if index != NULL else B_panel + k * stride, stride,
                           start if k == 0 else <const real*>ZEROS, k > 0,
                           scale if k + n_terms == n_inner else NULL, scale_ld, rows_per_point, first * lanes,
                           C + first * lanes, ldc, n_last_lanes)
            k += PIECE
        panel += 1


cdef inline void multiply_panel(Py_ssize_t n_rows, Py_ssize_t width, Py_ssize_t n_inner, const int* index,
                                const real* A, Py_ssize_t A_row, Py_ssize_t A_inner,
                                const real* B, Py_ssize_t ldb, const real* init, bint add,
                                const real* scale, Py_ssize_t scale_ld, Py_ssize_t rows_per_point,
                                Py_ssize_t scale_offset, real* C, Py_ssize_t ldc,
                                Py_ssize_t n_last_lanes) noexcept nogil:
    """All rows times one panel of `width` vectors, tile by tile."""
    cdef Py_ssize_t i = 0
    cdef int r, n
    cdef const real* scales[FJ_TILE_ROWS]
    while i < n_rows:
        n = <int>min(FJ_TILE_ROWS, n_rows - i)
        if scale != NULL:
            for r in range(n):
                scales[r] = scale + (i + r) // rows_per_point * scale_ld
        if real is double:
            fj_any_tile_f64(n, <int>width, n_inner, index, A + i * A_row, A_row, A_inner, B, ldb, init, add,
                            scales if scale != NULL else NULL, scale_offset, C + i * ldc, ldc, n_last_lanes)
        else:
            fj_any_tile_f32(n, <int>width, n_inner, index, A + i * A_row, A_row, A_inner, B, ldb, init, add,
                            scales if scale != NULL else NULL, scale_offset, C + i * ldc, ldc, n_last_lanes)
        i += n
