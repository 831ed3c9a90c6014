#define TSIM_ROWS 8
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

#if defined(TSIM_RLS_VECTORS) && defined(__x86_64__)
#define TSIM_RLS_KEEP(v) __asm__("" : "+v"(v))
#elif defined(TSIM_RLS_VECTORS) && defined(__aarch64__)
#define TSIM_RLS_KEEP(v) __asm__("" : "+w"(v))
#else
#define TSIM_RLS_KEEP(v)
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

// ---- V, a vector of `size` numbers ------------------------------------------------------------------------------
#ifdef TSIM_RLS_VECTORS
template <typename T>
struct Types;
template <>
struct Types<float> {
    typedef float V __attribute__((vector_size(TSIM_RLS_BYTES)));
    typedef std::int32_t I __attribute__((vector_size(TSIM_RLS_BYTES)));
};
template <>
struct Types<double> {
    typedef double V __attribute__((vector_size(TSIM_RLS_BYTES)));
    typedef std::int64_t I __attribute__((vector_size(TSIM_RLS_BYTES)));
};
template <typename T>
struct Lanes {
    typedef typename Types<T>::V V;
    typedef typename Types<T>::I I;
    static const int size = TSIM_RLS_BYTES / sizeof(T);
    // `v` in its first `count` lanes, `other` elsewhere.
    TSIM_RLS_INLINE V first(int count, V v, V other) {
        I lane;
        TSIM_RLS_UNROLL
        for (int l = 0; l < size; l++) lane[l] = l;
        return lane < count ? v : other;
    }
    // Lane t of the answer is the sum over the lanes of a[t]: pairs are merged, half as many vectors each step.
    TSIM_RLS_INLINE V sums(V (&a)[size]) {
        TSIM_RLS_UNROLL
        for (int step = 1; step < size; step *= 2) {
            I low, high;
            TSIM_RLS_UNROLL
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
#else  // plain loops of fixed length
template <typename T>
struct Lanes {
    static const int size = TSIM_RLS_BYTES / sizeof(T);
    struct V {
        T lane[size];
        V operator+(const V& o) const { V v; for (int l = 0; l < size; l++) v.lane[l] = lane[l] + o.lane[l]; return v; }
        V operator*(const V& o) const { V v; for (int l = 0; l < size; l++) v.lane[l] = lane[l] * o.lane[l]; return v; }
        V operator*(T s) const { V v; for (int l = 0; l < size; l++) v.lane[l] = lane[l] * s; return v; }
    };
    TSIM_RLS_INLINE V first(int count, const V& v, const V& other) {
        V u;
        for (int l = 0; l < size; l++) u.lane[l] = l < count ? v.lane[l] : other.lane[l];
        return u;
    }
    TSIM_RLS_INLINE V sums(V (&a)[size]) {
        V s;
        for (int t = 0; t < size; t++) {
            s.lane[t] = 0;
            for (int l = 0; l < size; l++) s.lane[t] += a[t].lane[l];
        }
        return s;
    }
};
#endif

// ---- One pass over P: apply B terms, then y += P r -------------------------------------------------------------
template <typename T, int B, bool MULTIPLY>
struct Pass {
    typedef Lanes<T> L;
    typedef typename L::V V;
    enum { W = L::size, TERMS = B ? B : 1, ROWS = W < TSIM_ROWS ? W : TSIM_ROWS };
    typedef std::ptrdiff_t Index;

    TSIM_RLS_INLINE V load(const T* p) { V v; std::memcpy(&v, p, sizeof v); return v; }
    TSIM_RLS_INLINE void store(T* p, const V& v) { std::memcpy(p, &v, sizeof v); }

    // W rows that are worked on together.
    T* row[W];
    T coefficient[W][TERMS];  // -scale c[m] K[m][row]
    T r_row[W];
    V sum[W];                 // of P r along the row, lane by lane
    T scale;

    // p of row t with the terms applied; k: the terms at p's columns.
    TSIM_RLS_INLINE V applied(V p, const Pass& s, int t, const V* k) {
        p = p * s.scale;
        TSIM_RLS_UNROLL
        for (int m = 0; m < B; m++) { p = p + k[m] * s.coefficient[t][m]; TSIM_RLS_KEEP(p); }
        return p;
    }

    // Columns j, of which only the first `width` count, of all rows.
    TSIM_RLS_INLINE void columns(Pass& s, Index j, int width, const V* k, const V& r, V& y) {
        TSIM_RLS_UNROLL
        for (int t = 0; t < W; t++) {
            V p = load(s.row[t] + j);
            if (B) {
                const V q = applied(p, s, t, k);
                store(s.row[t] + j, L::first(width, q, p));
                p = q;
            }
            p = L::first(width, p, V());
            s.sum[t] = s.sum[t] + p * r;
            y = y + p * s.r_row[t];
        }
    }

    // The triangle at the diagonal, which starts at column j: row t has t + 1 numbers, the last of them its own.
    TSIM_RLS_INLINE void corner(Pass& s, Index j, const V* k, const V& r, V& y) {
        TSIM_RLS_UNROLL
        for (int t = 0; t < W; t++) {
            V p = load(s.row[t] + j);  // the lanes past the diagonal hold the next row: inside P for all but the last
            if (B) {
                const V q = applied(p, s, t, k);
                store(s.row[t] + j, L::first(t + 1, q, p));
                p = q;
            }
            if (MULTIPLY) {
                s.sum[t] = s.sum[t] + L::first(t + 1, p, V()) * r;
                y = y + L::first(t, p, V()) * s.r_row[t];
            }
        }
    }

    // Rows from t0 on, columns from `begin` to `end`: where the time goes.
    TSIM_RLS_INLINE void panel(Pass& s, int t0, Index begin, Index end, const T* const* k, const T* r, T* y) {
        V sum[ROWS], terms[TERMS];
        T r_row[ROWS];
        T* row[ROWS];
        TSIM_RLS_UNROLL
        for (int t = 0; t < ROWS; t++) {
            sum[t] = V();
            r_row[t] = s.r_row[t0 + t];
            row[t] = s.row[t0 + t];
        }
        for (Index j = begin; j < end; j += W) {
            TSIM_RLS_UNROLL
            for (int m = 0; m < B; m++) terms[m] = load(k[m] + j);
            V rj, yj;
            if (MULTIPLY) {
                rj = load(r + j);
                yj = load(y + j);
            }
            TSIM_RLS_UNROLL
            for (int t = 0; t < ROWS; t++) {
                V p = load(row[t] + j);
                TSIM_RLS_KEEP(p);
                if (B) store(row[t] + j, p = applied(p, s, t0 + t, terms));
                if (MULTIPLY) {
                    sum[t] = sum[t] + p * rj;
                    yj = yj + p * r_row[t];
                    TSIM_RLS_KEEP(yj);
                }
            }
            if (MULTIPLY) store(y + j, yj);
        }
        TSIM_RLS_UNROLL
        for (int t = 0; t < ROWS; t++) s.sum[t0 + t] = sum[t];
    }

    static void run(const Block<T>& b, const T* r, T* y) {
        const Index n = b.n, odd = n % W;
        const int count = B ? *b.count : 0;
        const T* k[TERMS];
        T c[TERMS];
        for (int m = 0; m < B; m++) {  // a missing term counts zero
            k[m] = b.K + (m < count ? m * b.stride : 0);
            c[m] = m < count ? -*b.scale * b.c[m] : T(0);
        }
        Pass s;
        s.scale = *b.scale;
        if (odd) {  // the first rows, fewer than W: in copies filled up with zeros
            T buffer[W * (W + 1) / 2] = {}, r_odd[W] = {}, y_odd[W] = {}, k_odd[TERMS][W] = {};
            const std::size_t bytes = odd * sizeof(T);
            std::memcpy(buffer, b.P, bytes * (odd + 1) / 2);
            if (MULTIPLY) std::memcpy(r_odd, r, bytes);
            V terms[TERMS];
            for (int m = 0; m < B; m++) {
                std::memcpy(k_odd[m], k[m], bytes);
                terms[m] = load(k_odd[m]);
            }
            for (int t = 0; t < W; t++) {
                s.row[t] = buffer + t * (t + 1) / 2;
                for (int m = 0; m < B; m++) s.coefficient[t][m] = c[m] * k_odd[m][t];
                s.r_row[t] = r_odd[t];
                s.sum[t] = V();
            }
            V yj = V();
            corner(s, 0, terms, load(r_odd), yj);
            if (B) std::memcpy(b.P, buffer, bytes * (odd + 1) / 2);
            if (MULTIPLY) {
                store(y_odd, yj + L::sums(s.sum));
                std::memcpy(y, y_odd, bytes);
            }
        }
        for (Index i = odd; i < n; i += W) {
            for (int t = 0; t < W; t++) {
                s.row[t] = b.P + (i + t) * (i + t + 1) / 2;
                for (int m = 0; m < B; m++) s.coefficient[t][m] = c[m] * k[m][i + t];
                if (MULTIPLY) s.r_row[t] = r[i + t];
            }
            for (int t = 0; t < W; t += ROWS) panel(s, t, odd, i, k, r, y);
            V terms[TERMS], rj, yj;
            if (odd && i > odd - 1) {
                for (int m = 0; m < B; m++) terms[m] = load(k[m]);
                if (MULTIPLY) rj = load(r), yj = load(y);
                columns(s, 0, int(odd), terms, rj, yj);
                if (MULTIPLY) store(y, yj);
            }
            for (int m = 0; m < B; m++) terms[m] = load(k[m] + i);
            if (MULTIPLY) rj = load(r + i), yj = V();
            corner(s, i, terms, rj, yj);
            if (MULTIPLY) store(y + i, yj + L::sums(s.sum));
        }
    }
};

template <typename T, bool MULTIPLY>
static inline void apply(const Block<T>& b, const T* r, T* y) {
    switch (max_pending(b.n)) {
        case 1: Pass<T, 1, MULTIPLY>::run(b, r, y); break;
        case 2: Pass<T, 2, MULTIPLY>::run(b, r, y); break;
        case 4: Pass<T, 4, MULTIPLY>::run(b, r, y); break;
        default: Pass<T, 8, MULTIPLY>::run(b, r, y);
    }
    *b.count = 0;
    *b.scale = T(1);
}

// y <- (y + factor x) scale; answers r'y.
template <typename T>
static inline T add_and_dot(std::ptrdiff_t n, T* y, T factor, const T* x, T scale, const T* r) {
    typedef Pass<T, 0, true> A;
    typedef typename A::V V;
    const std::ptrdiff_t W = A::W, whole = n - n % W, odd = n - whole;
    V sum[A::W];
    for (int l = 0; l < W; l++) sum[l] = V();
    std::ptrdiff_t j = 0;
    for (; j < whole; j += W) {
        const V v = (A::load(y + j) + A::load(x + j) * factor) * scale;
        A::store(y + j, v);
        sum[0] = sum[0] + v * A::load(r + j);
    }
    if (odd) {
        T y_odd[A::W] = {}, x_odd[A::W] = {}, r_odd[A::W] = {};
        std::memcpy(y_odd, y + j, odd * sizeof(T));
        std::memcpy(x_odd, x + j, odd * sizeof(T));
        std::memcpy(r_odd, r + j, odd * sizeof(T));
        const V v = (A::load(y_odd) + A::load(x_odd) * factor) * scale;
        A::store(y_odd, v);
        std::memcpy(y + j, y_odd, odd * sizeof(T));
        sum[0] = sum[0] + v * A::load(r_odd);
    }
    T total[A::W];
    A::store(total, A::L::sums(sum));
    return total[0];
}

template <typename T>
static inline void flush(const Block<T>& b) {
    if (*b.count) apply<T, false>(b, 0, 0);
}

template <typename T>
static inline T gain(const Block<T>& b, const T* r, T* k) {
    if (*b.count == max_pending(b.n)) apply<T, true>(b, r, k);
    else Pass<T, 0, true>::run(b, r, k);
    for (int m = 0; m < *b.count; m++) {
        T* K = b.K + m * b.stride;
        const T d = add_and_dot(b.n, K, T(0), r, T(1), r);
        add_and_dot(b.n, k, -b.c[m] * d, K, T(1), r);
    }
    return add_and_dot(b.n, k, T(0), r, *b.scale, r);
}

template <typename T>
static inline void push(const Block<T>& b, const T* k, T c, T forgetting) {
    std::memcpy(b.K + *b.count * b.stride, k, b.n * sizeof(T));
    b.c[*b.count] = c / *b.scale;
    *b.scale /= forgetting;
    ++*b.count;
}
}  // namespace rls
}  // namespace tsim
#endif
