// y = W x with every weight, rows shared among threads. Four rows are summed at a time, so that what is loaded of x
// serves all of them and no row waits for its own last sum: the lanes of a row are those of dot() in tsim_sums.h,
// whichever rows are beside it. So neither the number of threads nor the first row of each changes a bit.
#ifndef TSIM_DENSE_H
#define TSIM_DENSE_H

#include <cstdint>
#include <cstring>
#if defined(_OPENMP)
#include <omp.h>
#endif

namespace tsim {
namespace {

#if defined(__GNUC__)
// The end of each sum: its sixteen lanes, and what fills no sixteen.
template <typename T>
TSIM_BY_ITSELF T sum_of_lanes(const void* lanes, std::int64_t rest, const T* w, const T* x) {
    T lane[16], sum = 0;
    std::memcpy(lane, lanes, sizeof lane);
    for (int l = 0; l < 16; l++) sum += lane[l];
    for (std::int64_t j = 0; j < rest; j++) sum += w[j] * x[j];
    return sum;
}

// y[t] = row t of w times x.
template <int ROWS, typename T>
TSIM_BY_ITSELF void dense_rows(std::int64_t n, const T* w, const T* x, T* y) {
    typedef T V __attribute__((vector_size(32)));
    constexpr int width = sizeof(V) / sizeof(T), vectors = 16 / width;
    V sum[ROWS][vectors] = {};
    std::int64_t j = 0;
    for (; j + 16 <= n; j += 16) {
        V a[vectors];
        std::memcpy(a, x + j, sizeof a);
#pragma GCC unroll 4
        for (int t = 0; t < ROWS; t++)
#pragma GCC unroll 4
            for (int v = 0; v < vectors; v++) {
                V b;
                std::memcpy(&b, w + t * n + j + v * width, sizeof b);
                sum[t][v] += b * a[v];
            }
    }
    for (int t = 0; t < ROWS; t++) y[t] = sum_of_lanes<T>(sum[t], n - j, w + t * n + j, x + j);
}

// w -= e k, and the new w times x, in the lanes of dot().
template <typename T>
TSIM_BY_ITSELF T moved_dot(std::int64_t n, T* w, T e, const T* k, const T* x) {
    typedef T V __attribute__((vector_size(32)));
    constexpr int width = sizeof(V) / sizeof(T), vectors = 16 / width;
    V sum[vectors] = {};
    std::int64_t j = 0;
    for (; j + 16 <= n; j += 16)
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++) {
            V a, b, c;
            std::memcpy(&a, w + j + v * width, sizeof a);
            std::memcpy(&b, k + j + v * width, sizeof b);
            std::memcpy(&c, x + j + v * width, sizeof c);
            a -= b * e;
            std::memcpy(w + j + v * width, &a, sizeof a);
            sum[v] += a * c;
        }
    for (std::int64_t rest = j; rest < n; rest++) w[rest] -= e * k[rest];
    return sum_of_lanes<T>(sum, n - j, w + j, x + j);
}

template <typename T>
void dense(std::int64_t row, std::int64_t end, std::int64_t n, const T* w, const T* x, T* y) {
    for (; row + 4 <= end; row += 4) dense_rows<4>(n, w + row * n, x, y + row);
    for (; row < end; row++) dense_rows<1>(n, w + row * n, x, y + row);
}
#endif

// Other compilers, and x of another type.
template <typename Y, typename W, typename X>
void dense(std::int64_t row, std::int64_t end, std::int64_t n, const W* w, const X* x, Y* y) {
    for (; row < end; row++) y[row] = dot<Y>(n, w + row * n, x);
}

template <typename W, typename X>
W moved_dot(std::int64_t n, W* w, W e, const W* k, const X* x) {
    for (std::int64_t j = 0; j < n; j++) w[j] -= e * k[j];
    return dot<W>(n, w, x);
}

template <typename Y, typename W, typename X>
void multiply_dense(std::int64_t rows, std::int64_t n, const W* w, const X* x, Y* y) {
#if defined(_OPENMP)
    // below, the product ends before the threads have begun
    if (rows > 1 && rows * n > 20000 && omp_get_max_threads() > 1) {
#pragma omp parallel
        {
            const std::int64_t threads = omp_get_num_threads(), me = omp_get_thread_num(), fours = (rows + 3) / 4;
            const std::int64_t first = fours * me / threads * 4, next = fours * (me + 1) / threads * 4;
            dense(first, next < rows ? next : rows, n, w, x, y);
        }
        return;
    }
#endif
    dense(0, rows, n, w, x, y);
}

}  // namespace
}  // namespace tsim
#endif
