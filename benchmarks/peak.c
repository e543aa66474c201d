/* The core's peak: multiply-adds on registers alone, with enough independent accumulators to fill the
   pipelines. Compile with gcc -O3 -march=native; each function returns the number of operations done. */

#if defined(__AVX512F__)
#define NBYTES 64
#elif defined(__AVX__)
#define NBYTES 32
#else
#define NBYTES 16
#endif
#define N_ACCUMULATORS 12 /* latency times units is 8 to 10; with the two constants they fit 16 registers */

#define DEFINE_PEAK(name, real)                                                                              \
    typedef real vector_##name __attribute__((vector_size(NBYTES)));                                        \
    double peak_##name(long n_iterations, real factor, real term, real *sink)                                \
    {                                                                                                        \
        const vector_##name zero = {0}, c = zero + factor, s = zero + term;                                  \
        vector_##name sum = {0}, acc[N_ACCUMULATORS];                                                        \
        _Pragma("GCC unroll 12") for (int k = 0; k < N_ACCUMULATORS; k++) acc[k] = zero + (real)k;           \
        for (long i = 0; i < n_iterations; i++) {                                                            \
            _Pragma("GCC unroll 12") for (int k = 0; k < N_ACCUMULATORS; k++) acc[k] = acc[k] * c + s;       \
        }                                                                                                    \
        _Pragma("GCC unroll 12") for (int k = 0; k < N_ACCUMULATORS; k++) sum += acc[k];                     \
        *sink = sum[0];                                                                                      \
        return 2.0 * N_ACCUMULATORS * (NBYTES / sizeof(real)) * (double)n_iterations;                        \
    }

DEFINE_PEAK(f64, double)
DEFINE_PEAK(f32, float)
