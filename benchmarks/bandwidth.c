/* Bandwidth: a = b + s c over arrays of n doubles, again and again. Compile with gcc -O3 -march=native; returns
   the number of bytes moved, two reads and a write for each element. */

double triad(long n, long n_repeats, double s, const double *restrict b, const double *restrict c, double *restrict a)
{
    for (long r = 0; r < n_repeats; r++) {
        for (long i = 0; i < n; i++) a[i] = b[i] + s * c[i];
        __asm__ volatile("" ::: "memory"); /* each pass is made */
    }
    return 24.0 * (double)n * (double)n_repeats;
}
