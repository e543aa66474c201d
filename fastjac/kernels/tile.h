/* The register tile: C = init + A B, scaled by columns, with all of C's tile in registers.
 *
 * Included once per floating-point type with FJ_REAL, FJ_NAME, FJ_FUSED, FJ_INTRINSIC and FJ_COMPARE defined. A
 * is read by broadcast, with any two strides; B by whole vectors, from a panel whose rows are padded to a
 * multiple of a vector. Every element of C is summed in an order that depends on the matrix B alone, so that
 * its bits depend neither on the size of a batch nor on the position in it.
 *
 * The vector types are those of GCC and Clang: with plain arrays these compilers spill the sums to the
 * stack, at several times the run time. Elsewhere, or with FJ_PLAIN_LOOPS defined, a vector is a struct with
 * loops, which give the same bits.
 */

#ifndef FJ_TILE_COMMON
#define FJ_TILE_COMMON

#include <math.h>
#include <stddef.h>
#include <string.h>

#if (defined(__GNUC__) || defined(__clang__)) && !defined(FJ_PLAIN_LOOPS)
#define FJ_VECTOR_TYPES 1
#else
#define FJ_VECTOR_TYPES 0
#endif

#if defined(__GNUC__) || defined(__clang__)
#define FJ_INLINE static inline __attribute__((always_inline))
#define FJ_UNROLL _Pragma("GCC unroll 9")
/* Hides how a pointer advances: GCC would make versions of the loop for strides of 1, and spill the
 * sums in them, at less than half the speed. */
#define FJ_OPAQUE(p) __asm__("" : "+r"(p))
#else
#define FJ_INLINE static inline
#define FJ_UNROLL
#define FJ_OPAQUE(p)
#endif

#if defined(__AVX512F__)
#define FJ_VECTOR_NBYTES 64
#define FJ_TILE_ROWS 8
#define FJ_FEW_ROWS 5
#define FJ_MOST_SUMS 25
#elif defined(__AVX__)
#define FJ_VECTOR_NBYTES 32
#define FJ_TILE_ROWS 4
#define FJ_FEW_ROWS 2
#define FJ_MOST_SUMS 12
#else
#define FJ_VECTOR_NBYTES 16
#define FJ_TILE_ROWS 3
#define FJ_FEW_ROWS 2
#define FJ_MOST_SUMS 12
#endif
/* Vectors in a row of a panel. For a few rows, two or three panels are taken at once, so that there are as many
 * sums as the hardware has FMAs in flight, but not more than it has registers for. */
#define FJ_PANEL_VECTORS 3
/* For the same reason, a panel of one vector has its terms summed in three chains, in turn. */
#define FJ_CHAINS 3
#define FJ_TILE_VECTORS 9

#endif

/* The build forbids the compiler to contract a*b + c, so that an FMA has to be asked for by name. (MSVC has no
 * name for FMA by itself; it comes with AVX2.) */
#undef FJ_FMA
#if FJ_VECTOR_TYPES && defined(__AVX512F__)
#include <immintrin.h>
#define FJ_FMA(a, v, sum) ((FJ_NAME(vector))FJ_INTRINSIC(_mm512_fmadd)(FJ_INTRINSIC(_mm512_set1)(a), v, sum))
#elif FJ_VECTOR_TYPES && defined(__FMA__)
#include <immintrin.h>
#define FJ_FMA(a, v, sum) ((FJ_NAME(vector))FJ_INTRINSIC(_mm256_fmadd)(FJ_INTRINSIC(_mm256_set1)(a), v, sum))
#elif !FJ_VECTOR_TYPES && (defined(__FMA__) || defined(__AVX2__))
#define FJ_FMA(a, v, sum) FJ_FUSED(a, v, sum)
#else
#define FJ_FMA(a, v, sum) ((sum) + (a) * (v))
#endif

#define FJ_LANES ((ptrdiff_t)(FJ_VECTOR_NBYTES / sizeof(FJ_REAL)))

#if FJ_VECTOR_TYPES
typedef FJ_REAL FJ_NAME(vector) __attribute__((vector_size(FJ_VECTOR_NBYTES), aligned(sizeof(FJ_REAL)), may_alias));

FJ_INLINE FJ_NAME(vector) FJ_NAME(load)(const FJ_REAL *p) { return *(const FJ_NAME(vector) *)p; }
FJ_INLINE void FJ_NAME(store)(FJ_REAL *p, FJ_NAME(vector) v) { *(FJ_NAME(vector) *)p = v; }
FJ_INLINE FJ_NAME(vector) FJ_NAME(broadcast)(FJ_REAL x) { return (FJ_NAME(vector)){0} + x; }
FJ_INLINE FJ_NAME(vector) FJ_NAME(times)(FJ_NAME(vector) v, FJ_NAME(vector) w) { return v * w; }
FJ_INLINE FJ_NAME(vector) FJ_NAME(plus)(FJ_NAME(vector) v, FJ_NAME(vector) w) { return v + w; }
FJ_INLINE FJ_NAME(vector) FJ_NAME(add_product)(FJ_NAME(vector) sum, FJ_REAL a, FJ_NAME(vector) v)
{
    return FJ_FMA(a, v, sum);
}
#else
typedef struct { FJ_REAL lane[FJ_VECTOR_NBYTES / sizeof(FJ_REAL)]; } FJ_NAME(vector);

FJ_INLINE FJ_NAME(vector) FJ_NAME(load)(const FJ_REAL *p)
{
    FJ_NAME(vector) v;
    memcpy(&v, p, sizeof v);
    return v;
}
FJ_INLINE void FJ_NAME(store)(FJ_REAL *p, FJ_NAME(vector) v) { memcpy(p, &v, sizeof v); }
FJ_INLINE FJ_NAME(vector) FJ_NAME(broadcast)(FJ_REAL x)
{
    FJ_NAME(vector) v;
    for (ptrdiff_t l = 0; l < FJ_LANES; l++) v.lane[l] = x;
    return v;
}
FJ_INLINE FJ_NAME(vector) FJ_NAME(times)(FJ_NAME(vector) v, FJ_NAME(vector) w)
{
    for (ptrdiff_t l = 0; l < FJ_LANES; l++) v.lane[l] *= w.lane[l];
    return v;
}
FJ_INLINE FJ_NAME(vector) FJ_NAME(plus)(FJ_NAME(vector) v, FJ_NAME(vector) w)
{
    for (ptrdiff_t l = 0; l < FJ_LANES; l++) v.lane[l] += w.lane[l];
    return v;
}
FJ_INLINE FJ_NAME(vector) FJ_NAME(add_product)(FJ_NAME(vector) sum, FJ_REAL a, FJ_NAME(vector) v)
{
    for (ptrdiff_t l = 0; l < FJ_LANES; l++) sum.lane[l] = FJ_FMA(a, v.lane[l], sum.lane[l]);
    return sum;
}
#endif

/* The first n lanes at p, which may be followed by memory of somebody else. */
#if FJ_VECTOR_TYPES && defined(__AVX512F__)
#define FJ_MASK(n) ((1u << (n)) - 1)
FJ_INLINE FJ_NAME(vector) FJ_NAME(load_part)(const FJ_REAL *p, ptrdiff_t n)
{
    return (FJ_NAME(vector))FJ_INTRINSIC(_mm512_maskz_loadu)(FJ_MASK(n), p);
}
FJ_INLINE void FJ_NAME(store_part)(FJ_REAL *p, FJ_NAME(vector) v, ptrdiff_t n)
{
    FJ_INTRINSIC(_mm512_mask_storeu)(p, FJ_MASK(n), v);
}
#undef FJ_MASK
#else
FJ_INLINE FJ_NAME(vector) FJ_NAME(load_part)(const FJ_REAL *p, ptrdiff_t n)
{
    FJ_REAL part[FJ_VECTOR_NBYTES / sizeof(FJ_REAL)] = {0};
    for (ptrdiff_t l = 0; l < n; l++) part[l] = p[l];
    return FJ_NAME(load)(part);
}
FJ_INLINE void FJ_NAME(store_part)(FJ_REAL *p, FJ_NAME(vector) v, ptrdiff_t n)
{
    FJ_REAL part[FJ_VECTOR_NBYTES / sizeof(FJ_REAL)];
    FJ_NAME(store)(part, v);
    for (ptrdiff_t l = 0; l < n; l++) p[l] = part[l];
}
#endif

/* One tile of n_rows rows by three panels of B with w0, w1, w2 vectors in a row (0: no such panel).
 *
 * A row of a panel is `ldb` elements after the one before, or its own width where ldb is 0; a panel starts
 * `gap` elements after the one before for each vector in that one's row. `init`, one row of C, is where the
 * sums start; where `add`, they are added to C; `scale`, a pointer per row or NULL, multiplies the result.
 * The sum goes over k from `first` up to `stop`, or over these elements of `index` where it is not NULL. The
 * last vector of a row counts up to `n_last_lanes`. */
#define FJ_TERM(l, chain)                                                                                   \
    do {                                                                                                    \
        const ptrdiff_t k = index ? index[l] : (l);                                                         \
        const FJ_REAL *a_column = A + k * A_inner, *b0 = B + k * ldb0, *b1 = B1 + k * ldb1, *b2 = B2 + k * ldb2; \
        FJ_NAME(vector) b[FJ_TILE_VECTORS];                                                                 \
        FJ_OPAQUE(a_column);                                                                                \
        FJ_OPAQUE(b0);                                                                                      \
        if (w1) FJ_OPAQUE(b1);                                                                              \
        if (w2) FJ_OPAQUE(b2);                                                                              \
        FJ_UNROLL for (int j = 0; j < w0; j++) b[j] = FJ_NAME(load)(b0 + j * FJ_LANES);                     \
        FJ_UNROLL for (int j = 0; j < w1; j++) b[w0 + j] = FJ_NAME(load)(b1 + j * FJ_LANES);                \
        FJ_UNROLL for (int j = 0; j < w2; j++) b[w0 + w1 + j] = FJ_NAME(load)(b2 + j * FJ_LANES);           \
        FJ_UNROLL for (int i = 0; i < n_rows; i++) {                                                        \
            const FJ_REAL a = a_column[i * A_row];                                                          \
            FJ_UNROLL for (int j = 0; j < n_vectors; j++)                                                   \
                sum[i][(chain) + j] = FJ_NAME(add_product)(sum[i][(chain) + j], a, b[j]);                   \
        }                                                                                                   \
    } while (0)

FJ_INLINE void FJ_NAME(tile)(int n_rows, int w0, int w1, int w2, ptrdiff_t first, ptrdiff_t stop, const int *index,
                             const FJ_REAL *A, ptrdiff_t A_row, ptrdiff_t A_inner,
                             const FJ_REAL *B, ptrdiff_t ldb, ptrdiff_t gap, const FJ_REAL *init, int add,
                             const FJ_REAL *const *scale, ptrdiff_t scale_offset,
                             FJ_REAL *C, ptrdiff_t ldc, ptrdiff_t n_last_lanes)
{
    const int n_vectors = w0 + w1 + w2;
    const FJ_REAL *B1 = B + w0 * gap, *B2 = B1 + w1 * gap;
    const ptrdiff_t ldb0 = ldb ? ldb : w0 * FJ_LANES, ldb1 = ldb ? ldb : w1 * FJ_LANES;
    const ptrdiff_t ldb2 = ldb ? ldb : w2 * FJ_LANES;
    const int n_chains = n_vectors == 1 ? FJ_CHAINS : 1;
    FJ_NAME(vector) sum[FJ_TILE_ROWS][FJ_TILE_VECTORS];
    ptrdiff_t l = first;

    FJ_UNROLL for (int i = 0; i < n_rows; i++) {
        FJ_UNROLL for (int j = 0; j < n_vectors; j++) sum[i][j] = FJ_NAME(load)(init + j * FJ_LANES);
        FJ_UNROLL for (int j = 1; j < n_chains; j++) sum[i][j] = FJ_NAME(broadcast)(0);
    }

    for (; l + n_chains <= stop; l += n_chains)
        FJ_UNROLL for (int chain = 0; chain < n_chains; chain++) FJ_TERM(l + chain, chain);
    FJ_UNROLL for (int chain = 0; chain < n_chains - 1; chain++)
        if (l + chain < stop) FJ_TERM(l + chain, chain);
    FJ_UNROLL for (int chain = 1; chain < n_chains; chain++)
        FJ_UNROLL for (int i = 0; i < n_rows; i++) sum[i][0] = FJ_NAME(plus)(sum[i][0], sum[i][chain]);

    if (add)
        FJ_UNROLL for (int i = 0; i < n_rows; i++)
            FJ_UNROLL for (int j = 0; j < n_vectors; j++) {
                const FJ_REAL *c = C + i * ldc + j * FJ_LANES;
                const int whole = j < n_vectors - 1 || n_last_lanes == FJ_LANES;
                sum[i][j] = FJ_NAME(plus)(whole ? FJ_NAME(load)(c) : FJ_NAME(load_part)(c, n_last_lanes), sum[i][j]);
            }
    if (scale)
        FJ_UNROLL for (int i = 0; i < n_rows; i++)
            FJ_UNROLL for (int j = 0; j < n_vectors; j++)
                sum[i][j] = FJ_NAME(times)(sum[i][j], FJ_NAME(load)(scale[i] + scale_offset + j * FJ_LANES));
    FJ_UNROLL for (int i = 0; i < n_rows; i++)
        FJ_UNROLL for (int j = 0; j < n_vectors - 1; j++) FJ_NAME(store)(C + i * ldc + j * FJ_LANES, sum[i][j]);
    if (n_last_lanes == FJ_LANES)
        FJ_UNROLL for (int i = 0; i < n_rows; i++)
            FJ_NAME(store)(C + i * ldc + (n_vectors - 1) * FJ_LANES, sum[i][n_vectors - 1]);
    else
        FJ_UNROLL for (int i = 0; i < n_rows; i++)
            FJ_NAME(store_part)(C + i * ldc + (n_vectors - 1) * FJ_LANES, sum[i][n_vectors - 1], n_last_lanes);
}

/* The tile for any number of rows and vectors, each combination compiled on its own. */
#define FJ_TILE(rows, w0, w1, w2, index)                                                                    \
    FJ_NAME(tile)(rows, w0, w1, w2, first, stop, index, A, A_row, A_inner, B, ldb, gap, init, add, scale,       \
                  scale_offset, C, ldc, n_last_lanes)
#define FJ_CASE(rows, w0, w1, w2)                                                                           \
    case (((rows) * 4 + (w0)) * 4 + (w1)) * 4 + (w2):                                                       \
        if (index) FJ_TILE(rows, w0, w1, w2, index);                                                        \
        else FJ_TILE(rows, w0, w1, w2, NULL);                                                               \
        break;
#define FJ_CASES(rows) FJ_CASE(rows, 1, 0, 0) FJ_CASE(rows, 2, 0, 0) FJ_CASE(rows, 3, 0, 0)
#define FJ_PAIRS(rows) FJ_CASE(rows, 2, 2, 0) FJ_CASE(rows, 2, 3, 0) FJ_CASE(rows, 3, 3, 0)
#define FJ_TRIPLES(rows) FJ_CASE(rows, 2, 2, 3) FJ_CASE(rows, 2, 3, 3) FJ_CASE(rows, 3, 3, 3)

static void FJ_NAME(any_tile)(int n_rows, int w0, int w1, int w2, ptrdiff_t first, ptrdiff_t stop, const int *index,
                              const FJ_REAL *A, ptrdiff_t A_row, ptrdiff_t A_inner,
                              const FJ_REAL *B, ptrdiff_t ldb, ptrdiff_t gap, const FJ_REAL *init, int add,
                              const FJ_REAL *const *scale, ptrdiff_t scale_offset,
                              FJ_REAL *C, ptrdiff_t ldc, ptrdiff_t n_last_lanes)
{
    switch (((n_rows * 4 + w0) * 4 + w1) * 4 + w2) {
        FJ_CASES(1) FJ_PAIRS(1) FJ_TRIPLES(1)
        FJ_CASES(2) FJ_PAIRS(2)
        FJ_CASES(3)
#if FJ_TILE_ROWS >= 4
        FJ_CASES(4)
#endif
#if FJ_TILE_ROWS == 8
        FJ_PAIRS(3) FJ_PAIRS(4)
        FJ_CASE(5, 2, 2, 0) FJ_CASE(5, 2, 3, 0)
        FJ_CASES(5) FJ_CASES(6) FJ_CASES(7) FJ_CASES(8)
#endif
    }
}

/* out[i] = rows[i] * A[i] * columns, where `rows` and `columns` may be NULL for ones. The rows of A and
 * `columns` are padded to whole vectors; those of `out` are if `n_last_lanes` says so. */
static void FJ_NAME(form)(ptrdiff_t n_rows, ptrdiff_t n_vectors, const FJ_REAL *A, ptrdiff_t lda,
                          const FJ_REAL *rows, const FJ_REAL *columns, FJ_REAL *out, ptrdiff_t ld,
                          ptrdiff_t n_last_lanes)
{
    for (ptrdiff_t i = 0; i < n_rows; i++) {
        const FJ_NAME(vector) row = FJ_NAME(broadcast)(rows ? rows[i] : 1);
        for (ptrdiff_t j = 0; j < n_vectors; j++) {
            FJ_NAME(vector) v = FJ_NAME(times)(row, FJ_NAME(load)(A + i * lda + j * FJ_LANES));
            if (columns) v = FJ_NAME(times)(v, FJ_NAME(load)(columns + j * FJ_LANES));
            if (j < n_vectors - 1 || n_last_lanes == FJ_LANES) FJ_NAME(store)(out + i * ld + j * FJ_LANES, v);
            else FJ_NAME(store_part)(out + i * ld + j * FJ_LANES, v, n_last_lanes);
        }
    }
}

/* The indices of what is not zero in d, NaN being not zero; `index` has room for n and a vector more. */
static ptrdiff_t FJ_NAME(list_nonzero)(const FJ_REAL *d, ptrdiff_t n, int *index)
{
    ptrdiff_t n_found = 0;
#if FJ_VECTOR_TYPES && defined(__AVX512F__)
    const __m512i lanes = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    for (ptrdiff_t i = 0; i < n; i += FJ_LANES) {
        const unsigned counted = n - i < FJ_LANES ? (1u << (n - i)) - 1 : (1u << FJ_LANES) - 1;
        const unsigned found = FJ_COMPARE(counted, FJ_INTRINSIC(_mm512_maskz_loadu)(counted, d + i),
                                          FJ_INTRINSIC(_mm512_setzero)(), _CMP_NEQ_UQ);
        const __m512i packed = _mm512_maskz_compress_epi32((__mmask16)found, lanes);
        _mm512_storeu_si512(index + n_found, _mm512_add_epi32(packed, _mm512_set1_epi32((int)i)));
        n_found += __builtin_popcount(found);
    }
#else
    for (ptrdiff_t i = 0; i < n; i++) {
        index[n_found] = (int)i;
        n_found += d[i] != 0;
    }
#endif
    return n_found;
}

/* c += a * factors, and times `by` unless it is NULL, element by element; none of them overlap. */
FJ_INLINE void FJ_NAME(add_scaled)(ptrdiff_t n, const FJ_REAL *restrict a, const FJ_REAL *restrict factors,
                                   const FJ_REAL *restrict by, FJ_REAL *restrict c)
{
    if (by) {
        for (ptrdiff_t i = 0; i < n; i++) {
            c[i] += a[i] * factors[i] * by[i];
        }
    } else {
        for (ptrdiff_t i = 0; i < n; i++) {
            c[i] += a[i] * factors[i];
        }
    }
}

#undef FJ_TERM
#undef FJ_TILE
#undef FJ_CASE
#undef FJ_CASES
#undef FJ_PAIRS
#undef FJ_TRIPLES
#undef FJ_LANES
