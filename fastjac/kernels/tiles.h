/* The register tile of tile.h for both floating-point types. */

#ifndef FJ_TILES_H
#define FJ_TILES_H

#define FJ_REAL double
#define FJ_NAME(name) fj_##name##_f64
#define FJ_INTRINSIC(name) name##_pd
#include "tile.h"
#undef FJ_REAL
#undef FJ_NAME
#undef FJ_INTRINSIC

#define FJ_REAL float
#define FJ_NAME(name) fj_##name##_f32
#define FJ_INTRINSIC(name) name##_ps
#include "tile.h"
#undef FJ_REAL
#undef FJ_NAME
#undef FJ_INTRINSIC

#endif
