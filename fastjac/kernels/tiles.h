/* The register tile of tile.h for both floating-point types. */

#ifndef FJ_TILES_H
#define FJ_TILES_H

#define FJ_REAL double
#define FJ_NAME(name) fj_##name##_f64
#define FJ_FUSED fma
#define FJ_INTRINSIC(name) name##_pd
#define FJ_COMPARE _mm512_mask_cmp_pd_mask
#include "tile.h"
#undef FJ_REAL
#undef FJ_NAME
#undef FJ_FUSED
#undef FJ_INTRINSIC
#undef FJ_COMPARE

#define FJ_REAL float
#define FJ_NAME(name) fj_##name##_f32
#define FJ_FUSED fmaf
#define FJ_INTRINSIC(name) name##_ps
#define FJ_COMPARE _mm512_mask_cmp_ps_mask
#include "tile.h"
#undef FJ_REAL
#undef FJ_NAME
#undef FJ_FUSED
#undef FJ_INTRINSIC
#undef FJ_COMPARE

#endif
