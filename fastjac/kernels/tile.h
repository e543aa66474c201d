/* The register tile: C = init + A B, scaled by columns, with all of C's tile in registers.
 *
 * Included once per floating-point type with FJ_REAL, FJ_NAME and FJ_INTRINSIC defined. A is read
 * by broadcast, with any two strides; B by whole vectors, from a panel whose rows are padded to a
 * multiple of a vector. Every element of C is summed in the order of k, wherever it lies in a tile,
 * so that its bits depend neither on the size of a batch nor on the position in it.
 *
 * The vector types are those of GCC and Clang: with plain arrays these compilers spill the sums to the
 * stack, at several times the run time. Elsewhere a vector is a struct with loops, which leave it to the
 * compiler whether to use FMAs: the results may differ from those of the same build here by rounding.
 */

#ifndef FJ_TILE_COMMON
#define FJ_TILE_COMMON

#include <stddef.h>
#include <string.h>

#if defined(__GNUC__) || defined(__clang__)
#define FJ_INLINE static inline __attribute__((always_inline))
#define FJ_UNROLL _Pragma("GCC unroll 8")
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
#elif defined(__AVX__)
#define FJ_VECTOR_NBYTES 32
#define FJ_TILE_ROWS 4
#else
#define FJ_VECTOR_NBYTES 16
#define FJ_TILE_ROWS 3
#endif
#define FJ_TILE_VECTORS 3

#endif

/* The build forbids the compiler to contract a*b + c, so that an FMA has to be asked for by name. */
#undef FJ_FMA
#if defined(__AVX512F__)
#include <immintrin.h>
#define FJ_FMA(a, v, sum) ((FJ_NAME(vector))FJ_INTRINSIC(_mm512_fmadd)(FJ_INTRINSIC(_mm512_set1)(a), v, sum))
#elif defined(__FMA__)
#include <immintrin.h>
#define FJ_FMA(a, v, sum) ((FJ_NAME(vector))FJ_INTRINSIC(_mm256_fmadd)(FJ_INTRINSIC(_mm256_set1)(a), v, sum))
#else
#define FJ_FMA(a, v, sum) ((sum) + (a) * (v))
#endif

#define FJ_LANES ((ptrdiff_t)(FJ_VECTOR_NBYTES / sizeof(FJ_REAL)))

#if defined(__GNUC__) || defined(__clang__)
typedef FJ_REAL FJ_NAME(vector) __attribute__((vector_size(FJ_VECTOR_NBYTES), aligned(sizeof(FJ_REAL)), may_alias));

FJ_INLINE FJ_NAME(vector) FJ_NAME(load)(const FJ_REAL *p) { return *(const FJ_NAME(vector) *)p; }
FJ_INLINE void FJ_NAME(store)(FJ_REAL *p, FJ_NAME(vector) v) { *(FJ_NAME(vector) *)p = v; }
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
    for (ptrdiff_t l = 0; l < FJ_LANES; l++) sum.lane[l] += a * v.lane[l];
    return sum;
}
#endif

/* The first n lanes at p, which may be followed by memory of somebody else. */
FJ_INLINE FJ_NAME(vector) FJ_NAME(load_part)(const FJ_REAL *p, ptrdiff_t n)
{
    FJ_REAL part[FJ_VECTOR_NBYTES / sizeof(FJ_REAL)] = {0};
    memcpy(part, p, (size_t)n * sizeof(FJ_REAL));
    return FJ_NAME(load)(part);
}

FJ_INLINE void FJ_NAME(store_part)(FJ_REAL *p, FJ_NAME(vector) v, ptrdiff_t n)
{
    FJ_REAL part[FJ_VECTOR_NBYTES / sizeof(FJ_REAL)];
    FJ_NAME(store)(part, v);
    memcpy(p, part, (size_t)n * sizeof(FJ_REAL));
}

/* One tile of n_rows × n_vectors vectors. `init`, one row of C, is where the sums start; where `add`, they
 * are added to C; `scale`, a pointer per row or NULL, multiplies the result. `index`, or NULL, lists the
 * n_inner values of k to sum over. The last vector of a row counts up to `n_last_lanes`. */
FJ_INLINE void FJ_NAME(tile)(int n_rows, int n_vectors, ptrdiff_t n_inner, const int *index,
                             const FJ_REAL *A, ptrdiff_t A_row, ptrdiff_t A_inner,
                             const FJ_REAL *B, ptrdiff_t ldb, const FJ_REAL *init, int add,
                             const FJ_REAL *const *scale, ptrdiff_t scale_offset,
                             FJ_REAL *C, ptrdiff_t ldc, ptrdiff_t n_last_lanes)
{
    FJ_NAME(vector) sum[FJ_TILE_ROWS][FJ_TILE_VECTORS];

    FJ_UNROLL for (int i = 0; i < n_rows; i++)
        FJ_UNROLL for (int j = 0; j < n_vectors; j++) sum[i][j] = FJ_NAME(load)(init + j * FJ_LANES);

    for (ptrdiff_t l = 0; l < n_inner; l++) {
        const ptrdiff_t k = index ? index[l] : l;
        const FJ_REAL *a_column = A + k * A_inner, *b_row = B + k * ldb;
        FJ_NAME(vector) b[FJ_TILE_VECTORS];
        FJ_OPAQUE(a_column);
        FJ_OPAQUE(b_row);
        FJ_UNROLL for (int j = 0; j < n_vectors; j++) b[j] = FJ_NAME(load)(b_row + j * FJ_LANES);
        FJ_UNROLL for (int i = 0; i < n_rows; i++) {
            const FJ_REAL a = a_column[i * A_row];
            FJ_UNROLL for (int j = 0; j < n_vectors; j++) sum[i][j] = FJ_NAME(add_product)(sum[i][j], a, b[j]);
        }
    }

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
#define FJ_CASE(rows, vectors)                                                                              \
    case (rows) * 4 + (vectors):                                                                            \
        if (index)                                                                                          \
            FJ_NAME(tile)(rows, vectors, n_inner, index, A, A_row, A_inner, B, ldb, init, add, scale,       \
                          scale_offset, C, ldc, n_last_lanes);                                              \
        else                                                                                                \
            FJ_NAME(tile)(rows, vectors, n_inner, NULL, A, A_row, A_inner, B, ldb, init, add, scale,        \
                          scale_offset, C, ldc, n_last_lanes);                                              \
        break;
#define FJ_CASES(rows) FJ_CASE(rows, 1) FJ_CASE(rows, 2) FJ_CASE(rows, 3)

static void FJ_NAME(any_tile)(int n_rows, int n_vectors, ptrdiff_t n_inner, const int *index,
                              const FJ_REAL *A, ptrdiff_t A_row, ptrdiff_t A_inner,
                              const FJ_REAL *B, ptrdiff_t ldb, const FJ_REAL *init, int add,
                              const FJ_REAL *const *scale, ptrdiff_t scale_offset,
                              FJ_REAL *C, ptrdiff_t ldc, ptrdiff_t n_last_lanes)
{
    switch (n_rows * 4 + n_vectors) {
        FJ_CASES(1) FJ_CASES(2) FJ_CASES(3)
#if FJ_TILE_ROWS >= 4
        FJ_CASES(4)
#endif
#if FJ_TILE_ROWS == 8
        FJ_CASES(5) FJ_CASES(6) FJ_CASES(7) FJ_CASES(8)
#endif
    }
}

#undef FJ_CASE
#undef FJ_CASES
#undef FJ_LANES
