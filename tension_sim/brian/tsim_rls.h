// Recursive least squares on one block: P symmetric, k = P r, P <- (P - c k k') / forgetting.
//
// An update must touch the whole of P, so memory traffic and the number of multiply-adds decide its speed:
//  - P is the packed lower triangle, row-major: P[i*(i+1)/2 + j], j <= i. Half the memory, half the traffic.
//  - A term c k k' is not applied at once. Up to max_pending(n) terms wait in K and c, and
//        P_true = scale * (P - sum_m c[m] K[m] K[m]'),
//    so most updates only read P. Every max_pending(n)-th one applies the terms in the same pass as its P r.
//  - A pass takes as many rows at a time as a vector has lanes: what is loaded for a column serves all of them.
//
// The same input gives the same bits, wherever the arrays lie: lanes are explicit and loads unaligned, so that no
// compiler peels a loop according to an address. The pending terms are part of the state: a run that is cut in two
// goes on with the same bits as long as P, K, c, scale and count are kept, and flush() is not called in between.
#ifndef TSIM_RLS_H
#define TSIM_RLS_H

#include <cstddef>
#include <cstdint>
#include <cstring>

#if defined(__GNUC__) && !defined(__clang__) && !defined(__CUDACC__) && !defined(TSIM_RLS_PLAIN)
#define TSIM_RLS_VECTORS 1
#endif

#if defined(_MSC_VER)
#define TSIM_RLS_INLINE static __forceinline
#define TSIM_RLS_UNROLL
#elif defined(__clang__)
#define TSIM_RLS_INLINE static inline __attribute__((always_inline))
#define TSIM_RLS_UNROLL _Pragma("unroll")
#else
#define TSIM_RLS_INLINE static inline __attribute__((always_inline))
#define TSIM_RLS_UNROLL _Pragma("GCC unroll 16")
#endif

#if defined(__AVX512F__)
#define TSIM_RLS_BYTES 64
#elif defined(__AVX__)
#define TSIM_RLS_BYTES 32
#else
#define TSIM_RLS_BYTES 16
#endif

namespace tsim {
namespace rls {

// How many terms may wait. Many spare P's write traffic, but cost a pass over K, which counts when n is small.
constexpr int max_pending(std::ptrdiff_t n) { return n < 24 ? 1 : n < 48 ? 2 : n < 128 ? 4 : 8; }

// One block as its owner stores it. Start: count = 0, scale = 1, P = alpha I.
template <typename T>
struct Block {
    std::ptrdiff_t n;       // partners
    T* P;                   // [n (n + 1) / 2]
    T* K;                   // [max_pending(n)][stride], stride >= n
    std::ptrdiff_t stride;
    T* c;                   // [max_pending(n)]
    T* scale;               // [1] product of the 1/forgetting not yet applied; exactly 1 without forgetting
    std::int32_t* count;    // [1] terms that wait
};

// ---- A vector of `size` numbers -------------------------------------------------------------------------------
template <typename T>
struct Lanes;

#if TSIM_RLS_VECTORS
#define TSIM_RLS_LANES(T, INT)                                                                                   \
    template <>                                                                                                  \
    struct Lanes<T> {                                                                                            \
        static const int size = TSIM_RLS_BYTES / sizeof(T);                                                      \
        typedef T V __attribute__((vector_size(TSIM_RLS_BYTES)));                                                \
        typedef INT I __attribute__((vector_size(TSIM_RLS_BYTES)));                                              \
    };
TSIM_RLS_LANES(float, std::int32_t)
TSIM_RLS_LANES(double, std::int64_t)
#undef TSIM_RLS_LANES
#endif

template <typename T>
struct Ops : Lanes<T> {
    using Lanes<T>::size;
    typedef typename Lanes<T>::V V;
    typedef typename Lanes<T>::I I;
    TSIM_RLS_INLINE V load(const T* p) {
        V v;
        std::memcpy(&v, p, sizeof v);
        return v;
    }
    TSIM_RLS_INLINE void store(T* p, V v) { std::memcpy(p, &v, sizeof v); }
    // `a` in the first `count` lanes, `b` in the others.
    TSIM_RLS_INLINE V first(int count, V a, V b) {
        I lane;
        for (int l = 0; l < size; l++) lane[l] = l;
        return lane < count ? a : b;
    }
    // Lane t of the answer is the sum over the lanes of a[t]; pairs are merged, half the vectors a step.
    TSIM_RLS_INLINE V sums(V* a) {
        TSIM_RLS_UNROLL
        for (int step = 1; step < size; step *= 2) {
            I low, high;
            for (int l = 0; l < size; l++) {
                low[l] = l & step ? size + l - step : l;
                high[l] = l & step ? size + l : l + step;
            }
            TSIM_RLS_UNROLL
            for (int t = 0; t < size; t += 2 * step)
                a[t] = __builtin_shuffle(a[t], a[t + step], low) + __builtin_shuffle(a[t], a[t + step], high);
        }
        return a[0];
    }
};
}  // namespace rls
}  // namespace tsim
#endif
