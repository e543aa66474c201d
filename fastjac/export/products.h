/* Products of a block by a matrix, and what moves blocks: templates of the text that export writes, as in
 * fastjac/kernels/elementary.h.
 *
 * Rows of matrices and blocks are padded to whole vectors. The sizes that the functions for a network pass are
 * constants, so that a compiler makes one body for each of them and keeps the tile in registers.
 */

static FJ_INLINE FJ_NAME(vector) FJ_NAME(load)(const FJ_REAL *p)
{
    return *(const FJ_NAME(vector) *)p;
}

static FJ_INLINE void FJ_NAME(store)(FJ_REAL *p, FJ_NAME(vector) v)
{
    *(FJ_NAME(vector) *)p = v;
}

/* n_rows rows by n_vectors vectors of out = (init + A B) * scale.
 *
 * A is read number by number with any two strides, B by whole vectors. The sum goes over k from `first` up to
 * `stop`, or over these elements of `index` where it is not NULL, in n_chains sums that do not wait for each
 * other. `init` is NULL for zeros, or -- `add` -- for what is in `out`; `scale` is NULL for ones. */
static FJ_INLINE void FJ_NAME(tile)(int n_rows, int n_vectors, int n_chains, ptrdiff_t first, ptrdiff_t stop,
                                    const int *index, const FJ_REAL *A, ptrdiff_t A_row, ptrdiff_t A_inner,
                                    const FJ_REAL *B, ptrdiff_t ldb, const FJ_REAL *init, int add,
                                    const FJ_REAL *scale, FJ_REAL *out, ptrdiff_t ld)
{
    FJ_NAME(vector) sum[FJ_TILE_ROWS][8];
    const FJ_NAME(vector) zero = (FJ_NAME(vector)){0};
    ptrdiff_t l = first;

    FJ_UNROLL for (int i = 0; i < n_rows; i++) {
        FJ_UNROLL for (int j = 0; j < n_vectors; j++) {
            sum[i][j] = init != NULL ? FJ_NAME(load)(init + j * FJ_LANES) : zero;
        }
        FJ_UNROLL for (int j = n_vectors; j < n_vectors * n_chains; j++) {
            sum[i][j] = zero;
        }
    }
    for (; l + n_chains <= stop; l += n_chains) {
        FJ_UNROLL for (int chain = 0; chain < n_chains; chain++) {
            const ptrdiff_t k = index != NULL ? index[l + chain] : l + chain;
            FJ_NAME(vector) b[8];
            FJ_UNROLL for (int j = 0; j < n_vectors; j++) {
                b[j] = FJ_NAME(load)(B + k * ldb + j * FJ_LANES);
            }
            FJ_UNROLL for (int i = 0; i < n_rows; i++) {
                const FJ_REAL a = A[i * A_row + k * A_inner];
                FJ_UNROLL for (int j = 0; j < n_vectors; j++) {
                    sum[i][chain * n_vectors + j] += a * b[j];
                }
            }
        }
    }
    for (; l < stop; l++) {
        const ptrdiff_t k = index != NULL ? index[l] : l;
        FJ_UNROLL for (int i = 0; i < n_rows; i++) {
            FJ_UNROLL for (int j = 0; j < n_vectors; j++) {
                sum[i][j] += A[i * A_row + k * A_inner] * FJ_NAME(load)(B + k * ldb + j * FJ_LANES);
            }
        }
    }
    FJ_UNROLL for (int i = 0; i < n_rows; i++) {
        FJ_UNROLL for (int j = 0; j < n_vectors; j++) {
            FJ_REAL *const c = out + i * ld + j * FJ_LANES;
            FJ_UNROLL for (int chain = 1; chain < n_chains; chain++) {
                sum[i][j] += sum[i][chain * n_vectors + j];
            }
            if (add) {
                sum[i][j] += FJ_NAME(load)(c);
            }
            if (scale != NULL) {
                sum[i][j] *= FJ_NAME(load)(scale + j * FJ_LANES);
            }
            FJ_NAME(store)(c, sum[i][j]);
        }
    }
}

/* All rows by n_vectors vectors, the sum in pieces of FJ_PIECE terms: that bounds its rounding error, and a piece of
 * B stays in the L1 cache while the rows pass by. */
static FJ_INLINE void FJ_NAME(panel)(int n_rows, int n_vectors, ptrdiff_t n_terms, const int *index, const FJ_REAL *A,
                                     ptrdiff_t A_row, ptrdiff_t A_inner, const FJ_REAL *B, ptrdiff_t ldb,
                                     const FJ_REAL *init, const FJ_REAL *scale, FJ_REAL *out, ptrdiff_t ld)
{
    const int n_tile = n_rows < FJ_TILE_ROWS ? n_rows : FJ_TILE_ROWS;
    const int n_left = n_rows % n_tile;
    const int n_sums = n_tile * n_vectors;
    const int n_chains = n_sums > 4 ? 1 : n_sums > 2 ? 2 : 4;
    ptrdiff_t first = 0;

    do {
        const ptrdiff_t stop = n_terms - first > FJ_PIECE ? first + FJ_PIECE : n_terms;
        const FJ_REAL *const start = first == 0 ? init : NULL, *const factor = stop == n_terms ? scale : NULL;
        ptrdiff_t i = 0;
        for (; i + n_tile <= n_rows; i += n_tile) {
            FJ_NAME(tile)(n_tile, n_vectors, n_chains, first, stop, index, A + i * A_row, A_row, A_inner, B, ldb,
                          start, first > 0, factor, out + i * ld, ld);
        }
        if (n_left > 0) {
            FJ_NAME(tile)(n_left, n_vectors, n_chains, first, stop, index, A + i * A_row, A_row, A_inner, B, ldb,
                          start, first > 0, factor, out + i * ld, ld);
        }
        first = stop;
    } while (first < n_terms);
}

/* out = (init + A B) * scale, for A of n_rows rows and B with rows of length ldb; panel by panel. */
static FJ_INLINE void FJ_NAME(multiply)(int n_rows, ptrdiff_t n_terms, const int *index, const FJ_REAL *A,
                                        ptrdiff_t A_row, ptrdiff_t A_inner, const FJ_REAL *B, int ldb,
                                        const FJ_REAL *init, const FJ_REAL *scale, FJ_REAL *out)
{
    const int n_vectors = ldb / FJ_LANES, n_widest = n_rows == 1 ? 8 : 3;
    const int n_panels = (n_vectors + n_widest - 1) / n_widest;
    const int width = n_vectors / n_panels, n_wider = n_vectors % n_panels;
    ptrdiff_t j = 0;

    for (; j < n_wider * (width + 1) * FJ_LANES; j += (width + 1) * FJ_LANES) {
        FJ_NAME(panel)(n_rows, width + 1, n_terms, index, A, A_row, A_inner, B + j, ldb, init != NULL ? init + j : NULL,
                       scale != NULL ? scale + j : NULL, out + j, ldb);
    }
    for (; j < ldb; j += width * FJ_LANES) {
        FJ_NAME(panel)(n_rows, width, n_terms, index, A, A_row, A_inner, B + j, ldb, init != NULL ? init + j : NULL,
                       scale != NULL ? scale + j : NULL, out + j, ldb);
    }
}

/* out = A, each row times its number of `rows`. */
static FJ_INLINE void FJ_NAME(scale_rows)(int n_rows, int ld, const FJ_REAL *A, const FJ_REAL *rows, FJ_REAL *out)
{
    for (ptrdiff_t i = 0; i < n_rows; i++) {
        for (ptrdiff_t j = 0; j < ld; j++) {
            out[i * ld + j] = rows[i] * A[i * ld + j];
        }
    }
}

/* out = A, each column times its number of `columns`. */
static FJ_INLINE void FJ_NAME(scale_columns)(int n_rows, int ld, const FJ_REAL *A, const FJ_REAL *columns,
                                             FJ_REAL *out)
{
    for (ptrdiff_t i = 0; i < n_rows; i++) {
        for (ptrdiff_t j = 0; j < ld; j++) {
            out[i * ld + j] = A[i * ld + j] * columns[j];
        }
    }
}

/* Both. */
static FJ_INLINE void FJ_NAME(scale)(int n_rows, int ld, const FJ_REAL *A, const FJ_REAL *rows, const FJ_REAL *columns,
                                     FJ_REAL *out)
{
    for (ptrdiff_t i = 0; i < n_rows; i++) {
        for (ptrdiff_t j = 0; j < ld; j++) {
            out[i * ld + j] = rows[i] * A[i * ld + j] * columns[j];
        }
    }
}

/* out = x - c. */
static void FJ_NAME(subtract)(int n, const FJ_REAL *restrict x, const FJ_REAL *restrict c, FJ_REAL *restrict out)
{
    for (int i = 0; i < n; i++) {
        out[i] = x[i] - c[i];
    }
}

/* out[i] = row[index[i]]. */
static void FJ_NAME(gather)(int n, const int *restrict index, const FJ_REAL *restrict row, FJ_REAL *restrict out)
{
    for (int i = 0; i < n; i++) {
        out[i] = row[index[i]];
    }
}

/* J[i*row_stride + j*column_stride] = block[i, j]. */
static void FJ_NAME(deliver)(int n_rows, int n_cols, int ld, const FJ_REAL *restrict block, FJ_REAL *restrict J,
                             ptrdiff_t row_stride, ptrdiff_t column_stride)
{
    if (column_stride == 1) {
        for (ptrdiff_t i = 0; i < n_rows; i++) {
            memcpy(J + i * row_stride, block + i * ld, (size_t)n_cols * sizeof *J);
        }
    } else {
        for (ptrdiff_t j = 0; j < n_cols; j++) {
            for (ptrdiff_t i = 0; i < n_rows; i++) {
                J[i * row_stride + j * column_stride] = block[i * ld + j];
            }
        }
    }
}

/* The units with a derivative other than zero (NaN is other than zero); returns how many they are. */
static int FJ_NAME(list_active)(int n, const FJ_REAL *d, int *index)
{
    int n_active = 0;
    for (int i = 0; i < n; i++) {
        index[n_active] = i;
        n_active += d[i] <= 0 && d[i] >= 0 ? 0 : 1;
    }
    return n_active;
}
