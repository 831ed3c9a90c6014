// Recursive least squares on one block: k = P r, then P <- (P - c k k') / forgetting, P symmetric.
//
// An update has to go through the whole of P, so traffic and the number of multiply-adds decide its speed:
//  - P is the packed lower triangle, row-major, P[i*(i+1)/2 + j] for j <= i: half the memory and traffic.
//  - A term c k k' is not applied at once. Up to max_pending(n) of them wait, and the true matrix is
//        scale * (P - sum_m c[m] K[m] K[m]'),
//    so that most updates only read P; the terms are applied together, each number of P written once for all.
//  - Eight rows are multiplied at a time: what is loaded and stored for a column serves all of them.
//
// The same input gives the same bits wherever the arrays lie: the lanes of a sum are explicit and loads
// unaligned, so that no compiler peels a loop to suit an address. The waiting terms are part of the state: a
// run that is cut in two goes on with the same bits if P, K, c, scale and count are kept and not flushed.
//
//     T q = gain(block, r, k);                 // k = P r, q = r'k
//     T c = 1 / (forgetting + q);
//     add_scaled(n, -c * error, k, w);         // each row of weights; leave out the c for the undivided gain
//     std::copy(k, k + n, slot(block));
//     push(block, c, forgetting);
//
// Nothing is allocated. Different blocks may be updated by different threads.
#ifndef TSIM_RLS_H
#define TSIM_RLS_H

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

// gcc and clang have vectors as types. Elsewhere (MSVC, nvcc) the same code runs on loops of fixed length.
#if defined(__GNUC__) && !defined(__CUDACC__) && !defined(TSIM_RLS_PLAIN)
#define TSIM_RLS_VECTORS
#ifdef __clang__
#define TSIM_RLS_UNROLL _Pragma("unroll")
#define TSIM_RLS_MERGED(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define TSIM_RLS_UNROLL _Pragma("GCC unroll 8")
#define TSIM_RLS_MERGED(a, b, ...) __builtin_shuffle(a, b, I{__VA_ARGS__})
#endif
#else
#define TSIM_RLS_UNROLL
#endif
#if defined(__AVX512VL__)
#define TSIM_RLS_BYTES 64
#elif defined(__AVX__)
#define TSIM_RLS_BYTES 32
#else
#define TSIM_RLS_BYTES 16
#endif
#if defined(__GNUC__)
#define TSIM_RLS_FN static inline __attribute__((always_inline))
#define TSIM_RLS_PREFETCH(address) __builtin_prefetch(reinterpret_cast<const void*>(address), 0, 2)
#else
#define TSIM_RLS_FN static __forceinline
#define TSIM_RLS_PREFETCH(address)
#endif
// KEEP: the value is in a register, and is what the source says. Without it gcc loads a number of P once for
// each use, and -ffast-math turns a chain of multiply-adds into a tree of additions. KEEP_ALL does the same
// for an array in memory, which gcc would take apart by shuffles.
#if defined(TSIM_RLS_VECTORS) && defined(__x86_64__)
#define TSIM_RLS_KEEP(v) __asm__("" : "+v"(v))
#define TSIM_RLS_KEEP_ALL(a) __asm__("" : "+m"(a))
#elif defined(TSIM_RLS_VECTORS) && defined(__aarch64__)
#define TSIM_RLS_KEEP(v) __asm__("" : "+w"(v))
#define TSIM_RLS_KEEP_ALL(a) __asm__("" : "+m"(a))
#else
#define TSIM_RLS_KEEP(v)
#define TSIM_RLS_KEEP_ALL(a)
#endif

namespace tsim {
namespace rls {

// How many terms may wait: many save traffic, but the products with them count when n is small. Whoever
// allocates K and c must know the same rule.
constexpr int max_pending(std::ptrdiff_t n) { return n < 24 ? 1 : n < 48 ? 2 : n < 128 ? 4 : 8; }

// Whether to fetch ahead, by the size of all P that are updated in turn: only where caches do not hold them.
constexpr bool is_far(std::size_t bytes) { return bytes > (std::size_t(8) << 20); }

// What a program knows of its blocks when it is compiled: n of each of them, and how many numbers all P have. It then
// holds no code for others, which would take most of the compiler's time. -1: a run finds them.
#ifndef TSIM_RLS_NUMBERS
#define TSIM_RLS_NUMBERS -1
#define TSIM_RLS_N -1
#endif
static constexpr bool few_wait(std::ptrdiff_t n) { return max_pending(TSIM_RLS_N < 0 ? n : TSIM_RLS_N) <= 4; }
template <typename T>
static constexpr bool at_distance(bool far) {
    return TSIM_RLS_NUMBERS < 0 ? far : is_far(std::size_t(TSIM_RLS_NUMBERS) * sizeof(T));
}
// How often to ask for a line then. A processor drops some of many requests, and finds by itself how long rows go on.
static constexpr int times_asked(std::ptrdiff_t n) { return (TSIM_RLS_N < 0 ? n : TSIM_RLS_N) < 512 ? 2 : 1; }

// One block, as its owner stores it. At the start count = 0, scale = 1 and P = alpha I.
template <typename T>
struct Block {
    std::ptrdiff_t n;       // partners
    T* P;                   // [n (n + 1) / 2]
    T* K;                   // [max_pending(n)][stride], of each row the first n
    std::ptrdiff_t stride;
    T* c;                   // [max_pending(n)]
    T* scale;               // the 1/forgetting not yet applied, multiplied; exactly 1 without forgetting
    std::int32_t* count;    // terms that wait
    bool far;               // is_far(...)
    Block() : far(false) {}
    Block(std::ptrdiff_t n, T* P, T* K, std::ptrdiff_t stride, T* c, T* scale, std::int32_t* count,
          bool far = false)
        : n(n), P(P), K(K), stride(stride), c(c), scale(scale), count(count), far(far) {}
};

// ---- V, a vector of `size` numbers ------------------------------------------------------------------------
// first(count, v, other) is v in the first `count` lanes and other elsewhere. Lane t of sums(a) is the sum of
// the lanes of a[t]: pairs of vectors are merged, half as many each time.
#if defined(TSIM_RLS_VECTORS)
template <typename T> struct Types;
template <> struct Types<double> {
    typedef double V __attribute__((vector_size(TSIM_RLS_BYTES)));
    typedef std::int64_t I __attribute__((vector_size(TSIM_RLS_BYTES)));
};
template <> struct Types<float> {  // at most eight: the triangles at the diagonal are as wide as a vector
    typedef float V __attribute__((vector_size(TSIM_RLS_BYTES > 32 ? 32 : TSIM_RLS_BYTES)));
    typedef std::int32_t I __attribute__((vector_size(TSIM_RLS_BYTES > 32 ? 32 : TSIM_RLS_BYTES)));
};
template <typename T>
struct Lanes {
    typedef typename Types<T>::V V;
    typedef typename Types<T>::I I;
    static const int size = sizeof(V) / sizeof(T);
    template <int... l> struct Numbers {};
    template <int n, int... l> struct Count : Count<n - 1, n - 1, l...> {};
    template <int... l> struct Count<0, l...> { typedef Numbers<l...> type; };
    typedef typename Count<size>::type All;  // 0, 1, ...: vectors known to the compiler
    template <int... l> TSIM_RLS_FN I lanes(Numbers<l...>) { return I{l...}; }
    TSIM_RLS_FN V first(int count, V v, V other) { return lanes(All()) < count ? v : other; }
    template <int step, int... l>
    TSIM_RLS_FN V merge(V a, V b, Numbers<l...>) {
        return TSIM_RLS_MERGED(a, b, (l & step ? size + l - step : l)...) +
               TSIM_RLS_MERGED(a, b, (l & step ? size + l : l + step)...);
    }
    TSIM_RLS_FN V sums(const V* a, std::integral_constant<int, 1>) { return a[0]; }
    template <int n>
    TSIM_RLS_FN V sums(const V* a, std::integral_constant<int, n>) {
        typedef std::integral_constant<int, n / 2> Half;
        return merge<n / 2>(sums(a, Half()), sums(a + n / 2, Half()), All());
    }
    TSIM_RLS_FN V sums(const V* a) { return sums(a, std::integral_constant<int, size>()); }
};
#else
template <typename T>
struct Lanes {
    static const int size = (TSIM_RLS_BYTES / sizeof(T) > 8) ? 8 : TSIM_RLS_BYTES / sizeof(T);
    struct V {
        T x[size];
        V operator+(V o) const { for (int l = 0; l < size; l++) o.x[l] += x[l]; return o; }
        V operator*(V o) const { for (int l = 0; l < size; l++) o.x[l] *= x[l]; return o; }
        V operator*(T a) const { V v; for (int l = 0; l < size; l++) v.x[l] = x[l] * a; return v; }
    };
    TSIM_RLS_FN V first(int count, const V& v, V other) {
        for (int l = 0; l < size; l++) other.x[l] = l < count ? v.x[l] : other.x[l];
        return other;
    }
    TSIM_RLS_FN V sums(const V* a) {
        V s = V();
        for (int t = 0; t < size; t++)
            for (int l = 0; l < size; l++) s.x[t] += a[t].x[l];
        return s;
    }
};
#endif

// ---- A sweep over P, one band of eight rows after the other: apply the B terms that wait, y <- P r --------
// The n % W columns and rows that fill no vector come first, so that every band ends in a triangle of W rows
// whose vectors, though they reach past the diagonal into the next row, never leave P.
// FAR: how often a line of P that comes is asked for.
template <typename T, int B, bool MULTIPLY, int FAR>
struct Sweep {
    typedef typename Lanes<T>::V V;
    typedef Lanes<T> L;
    typedef std::ptrdiff_t Index;
    enum { W = L::size, BAND = 8, FEW = W < 4 ? W : 4, TERMS = B ? B : 1 };
    enum { LINE = 64, AHEAD = 1024 * LINE };  // bytes

    T* P;
    const T* r;
    T* y;
    const T* k[TERMS];           // the terms,
    T factor[TERMS];             // -scale c,
    T factor_k[TERMS][BAND];     // and factor * k of the band's rows
    T scale;
    Index odd;                   // n % W

    TSIM_RLS_FN V load(const T* p) { V v; std::memcpy(&v, p, sizeof v); return v; }
    TSIM_RLS_FN void store(T* p, const V& v) { std::memcpy(p, &v, sizeof v); }
    // Row i + t.
    TSIM_RLS_FN T* row(T* P, Index i, int t) { return P + i * (i + 1) / 2 + (i * t + t * (t + 1) / 2); }

    // Where rows i, i + 1, ... begin, the first of them at `p`; answers where they end.
    template <int ROWS, typename Number>
    TSIM_RLS_FN Number* begin_rows(Number* p, Index i, Number** p_row) {
        TSIM_RLS_UNROLL for (int t = 0; t < ROWS; t++) {
            p_row[t] = p;
            p += i + t + 1;
        }
        return p;
    }

    // Columns from `odd` to `end` of four rows: more would not fit the registers.
    template <bool SCALED>
    TSIM_RLS_FN void apply_panel(const Sweep& s, T* const* p_row, int t0, Index end) {
        T a[TERMS][FEW];
        const T *k[TERMS], scale = s.scale;
        TSIM_RLS_UNROLL for (int m = 0; m < B; m++) {
            k[m] = s.k[m];
            TSIM_RLS_UNROLL for (int t = 0; t < FEW; t++) a[m][t] = s.factor_k[m][t0 + t];
        }
        for (Index j = s.odd; j < end; j += W) {
            V p[FEW];
            TSIM_RLS_UNROLL for (int t = 0; t < FEW; t++) {
                p[t] = load(p_row[t0 + t] + j);
                if (SCALED) p[t] = p[t] * scale;
            }
            TSIM_RLS_UNROLL for (int m = 0; m < B; m++) {
                V kj = load(k[m] + j);
                TSIM_RLS_KEEP(kj);
                TSIM_RLS_UNROLL for (int t = 0; t < FEW; t++) {
                    p[t] = p[t] + kj * a[m][t];
                    TSIM_RLS_KEEP(p[t]);
                }
            }
            TSIM_RLS_UNROLL for (int t = 0; t < FEW; t++) store(p_row[t0 + t] + j, p[t]);
        }
    }

    // One vector of columns of W rows: its first `width`, or at the diagonal the first t + 1 of row t.
    template <bool DIAGONAL>
    TSIM_RLS_FN void apply_edge(const Sweep& s, T* const* p_row, int t0, Index j, int width) {
        V p[W];
        TSIM_RLS_UNROLL for (int t = 0; t < W; t++) p[t] = load(p_row[t0 + t] + j) * s.scale;
        TSIM_RLS_UNROLL for (int m = 0; m < B; m++) {
            V kj = load(s.k[m] + j);
            TSIM_RLS_KEEP(kj);
            TSIM_RLS_UNROLL for (int t = 0; t < W; t++) {
                p[t] = p[t] + kj * s.factor_k[m][t0 + t];
                TSIM_RLS_KEEP(p[t]);
            }
        }
        TSIM_RLS_UNROLL for (int t = 0; t < W; t++) {
            T* to = p_row[t0 + t] + j;
            store(to, L::first(DIAGONAL ? t + 1 : width, p[t], load(to)));
        }
    }

    template <int ROWS>
    TSIM_RLS_FN void apply(Sweep& s, Index i) {
        for (int m = 0; m < B; m++)
            for (int t = 0; t < ROWS; t += W) store(s.factor_k[m] + t, load(s.k[m] + i + t) * s.factor[m]);
        TSIM_RLS_KEEP_ALL(s.factor_k);
        T* p_row[ROWS];
        begin_rows<ROWS>(row(s.P, i, 0), i, p_row);
        for (int t = 0; t < ROWS; t += FEW) {
            if (s.scale == T(1)) apply_panel<false>(s, p_row, t, i + t / W * W);
            else apply_panel<true>(s, p_row, t, i + t / W * W);
        }
        TSIM_RLS_UNROLL for (int t = 0; t < ROWS; t += W) {
            if (s.odd) apply_edge<false>(s, p_row, t, 0, int(s.odd));
            apply_edge<true>(s, p_row, t, i + t, 0);
        }
    }

    template <bool DIAGONAL>
    TSIM_RLS_FN V multiply_edge(const Sweep& s, Index i, int t0, Index j, int width, V* sum) {
        const V rj = load(s.r + j);
        V y[2] = {V(), V()};
        TSIM_RLS_UNROLL for (int t = 0; t < W; t++) {
            V p = load(row(s.P, i, t0 + t) + j);
            TSIM_RLS_KEEP(p);
            sum[t0 + t] = sum[t0 + t] + L::first(DIAGONAL ? t + 1 : width, p, V()) * rj;
            y[t & 1] = y[t & 1] + L::first(DIAGONAL ? t : width, p, V()) * s.r[i + t0 + t];
        }
        return y[0] + y[1];
    }

    // Each number of the triangle counts twice: along its row for y of the row, and down for y of its column.
    template <int ROWS, int FETCH>
    TSIM_RLS_FN void multiply(const Sweep& s, Index i) {
        V sum[ROWS];
        T r_row[ROWS], *y = s.y;
        const T *p_row[ROWS], *r = s.r, *begin = row(s.P, i, 0), *end = begin_rows<ROWS>(begin, i, p_row);
        typedef std::uintptr_t Address;  // of what the caches should hold soon: often the next block
        Address ahead = Address(begin) + AHEAD;
        TSIM_RLS_UNROLL for (int t = 0; t < ROWS; t++) {
            sum[t] = V();
            r_row[t] = r[i + t];
        }
        for (Index j = s.odd; j < i; j += W, ahead += ROWS * sizeof(V)) {
            const V rj = load(r + j);
            V yj = load(y + j);
            TSIM_RLS_UNROLL for (int t = 0; t < ROWS; t++) {
                if (FETCH && t * sizeof(V) % LINE == 0) {
                    TSIM_RLS_PREFETCH(ahead + t * sizeof(V));
                    if (FETCH > 1) TSIM_RLS_PREFETCH(ahead - AHEAD / 2 + t * sizeof(V));
                }
                V p = load(p_row[t] + j);
                TSIM_RLS_KEEP(p);
                sum[t] = sum[t] + p * rj;
                yj = yj + p * r_row[t];
                TSIM_RLS_KEEP(yj);
            }
            store(y + j, yj);
        }
        if (FETCH)
            for (; ahead < Address(end) + AHEAD; ahead += LINE)
                TSIM_RLS_PREFETCH(ahead);
        TSIM_RLS_UNROLL for (int t = 0; t < ROWS; t += W) {
            if (s.odd) store(y, load(y) + multiply_edge<false>(s, i, t, 0, int(s.odd), sum));
            TSIM_RLS_UNROLL for (int u = 0; u < t; u += W)
                store(y + i + u, load(y + i + u) + multiply_edge<false>(s, i, t, i + u, W, sum));
            const V down = multiply_edge<true>(s, i, t, i + t, 0, sum);
            store(y + i + t, down + L::sums(sum + t));
        }
    }

    template <int ROWS, int FETCH>
    TSIM_RLS_FN void band(Sweep& s, Index i) {
        if (B) apply<ROWS>(s, i);
        if (MULTIPLY) multiply<ROWS, FETCH>(s, i);
    }

    // The first n % W rows: a band of their own, in copies filled up with zeros.
    static void top(Sweep s) {
        T p[W * (W + 1) / 2] = {}, r[W] = {}, y[W] = {}, k[TERMS][W] = {}, *P = s.P, *to = s.y;
        const std::size_t bytes = s.odd * sizeof(T), triangle = bytes * (s.odd + 1) / 2;
        std::memcpy(p, P, triangle);
        if (MULTIPLY) std::memcpy(r, s.r, bytes);
        for (int m = 0; m < B; m++) {
            std::memcpy(k[m], s.k[m], bytes);
            s.k[m] = k[m];
        }
        s.P = p, s.r = r, s.y = y, s.odd = 0;
        band<W, 0>(s, 0);
        if (B) std::memcpy(P, p, triangle);
        if (MULTIPLY) std::memcpy(to, y, bytes);
    }

    static Sweep of(const Block<T>& b, const T* r, T* y) {
        Sweep s;
        const int count = B ? *b.count : 0;
        for (int m = 0; m < B; m++) {  // a term that is missing counts zero
            s.k[m] = b.K + (m < count ? m * b.stride : 0);
            s.factor[m] = m < count ? -*b.scale * b.c[m] : T(0);
        }
        s.P = b.P, s.r = r, s.y = y, s.scale = *b.scale, s.odd = b.n % W;
        return s;
    }

    // All rows before `end`, which is n or ends a band.
    static void rows(Sweep& s, Index n, Index end) {
        if (s.odd) top(s);
        Index i = s.odd;
        for (const Index whole = i + (n - i) % BAND; i < whole; i += W) band<W, FAR>(s, i);
        for (; i < end; i += BAND) band<BAND, FAR>(s, i);
    }

    static void run(const Block<T>& b, const T* r, T* y) {
        Sweep s = of(b, r, y);
        rows(s, b.n, b.n);
        if (B) *b.count = 0, *b.scale = T(1);
    }

    // Rows of one of several parts (part_of), into a y of its own; the terms still count as waiting.
    static void run_part(const Block<T>& b, const T* r, T* y, Index begin, Index end) {
        Sweep s = of(b, r, y);
        if (begin == 0) return rows(s, b.n, end);
        std::memset(y, 0, begin * sizeof(T));
        for (Index i = begin; i < end; i += BAND) band<BAND, FAR>(s, i);
    }
};

// ---- Vectors of any length --------------------------------------------------------------------------------
template <typename T>
static inline T dot(std::ptrdiff_t n, const T* x, const T* y) {
    typedef Sweep<T, 0, false, 0> S;
    typename S::V a[S::W], b = typename S::V();
    T lane[S::W], sum = 0;
    std::ptrdiff_t j = 0;
    for (; j < n % S::W; j++) {
        sum = sum + x[j] * y[j];
        TSIM_RLS_KEEP(sum);
    }
    TSIM_RLS_UNROLL for (int l = 0; l < S::W; l++) a[l] = typename S::V();
    for (; j + 2 * S::W <= n; j += 2 * S::W) {
        a[0] = a[0] + S::load(x + j) * S::load(y + j);
        b = b + S::load(x + j + S::W) * S::load(y + j + S::W);
    }
    if (j < n) a[0] = a[0] + S::load(x + j) * S::load(y + j);
    a[0] = a[0] + b;
    S::store(lane, S::L::sums(a));
    return lane[0] + sum;
}

// y <- y + a x
template <typename T>
static inline void add_scaled(std::ptrdiff_t n, T a, const T* x, T* y) {
    typedef Sweep<T, 0, false, 0> S;
    std::ptrdiff_t j = 0;
    for (; j < n % S::W; j++) {
        T v = y[j] + a * x[j];
        TSIM_RLS_KEEP(v);
        y[j] = v;
    }
    for (; j < n; j += S::W) S::store(y + j, S::load(y + j) + S::load(x + j) * a);
}

// ---- What a rule calls ------------------------------------------------------------------------------------
// Apply all terms that wait: then P is the true matrix.
template <typename T>
static inline void flush(const Block<T>& b) {
    if (*b.count == 0) return;
    if (few_wait(b.n)) Sweep<T, 4, false, 0>::run(b, 0, 0);
    else Sweep<T, 8, false, 0>::run(b, 0, 0);
}

// From what is stored of P times r to the true k = P r; answers r'k.
template <typename T>
static inline T without_waiting(const Block<T>& b, const T* r, T* k) {
    for (int m = 0; m < *b.count; m++) {
        const T* K = b.K + m * b.stride;
        add_scaled(b.n, -b.c[m] * dot(b.n, K, r), K, k);
    }
    if (*b.scale != T(1)) add_scaled(b.n, *b.scale - T(1), k, k);
    return dot(b.n, r, k);
}

// k <- P r, all n numbers; answers r'k. r and k may not overlap with each other or the block.
template <typename T>
static inline T gain(const Block<T>& b, const T* r, T* k) {
    constexpr int far = times_asked(0);
    if (*b.count < max_pending(b.n)) {
        if (at_distance<T>(b.far)) Sweep<T, 0, true, far>::run(b, r, k);
        else Sweep<T, 0, true, 0>::run(b, r, k);
    } else if (at_distance<T>(b.far)) {  // while the band is at hand
        if (few_wait(b.n)) Sweep<T, 4, true, far>::run(b, r, k);
        else Sweep<T, 8, true, far>::run(b, r, k);
    } else {
        flush(b);
        Sweep<T, 0, true, 0>::run(b, r, k);
    }
    return without_waiting(b, r, k);
}

// ---- A large block in parts that threads may share -----------------------------------------------------------
// Parts are ranges of rows with equal shares of the triangle. Each has a y of its own, and these are added in one
// order: so the bits depend on how many parts there are, which depends on n alone, and on nothing else. They are
// others than those of gain().
constexpr int parts_of(std::ptrdiff_t n) { return n < 512 ? 1 : n < 1024 ? 12 : 24; }

// The first row of a part, n after the last: it begins a band.
template <typename T>
static inline std::ptrdiff_t part_of(std::ptrdiff_t n, int part) {
    typedef Sweep<T, 0, true, 0> S;
    if (part == 0) return 0;
    const std::ptrdiff_t odd = n % S::W, first = odd + (n - odd) % S::BAND, bands = (n - first) / S::BAND;
    return first + S::BAND * std::ptrdiff_t(bands * std::sqrt(double(part) / parts_of(n)) + 0.5);
}

// y <- P r of one part, with the terms applied if as many wait as may.
template <typename T>
static void multiply_part(const Block<T>& b, const T* r, T* y, int part) {
    const std::ptrdiff_t begin = part_of<T>(b.n, part), end = part_of<T>(b.n, part + 1);
    constexpr int far = times_asked(512);
    const bool full = *b.count == max_pending(b.n);
    if (full && at_distance<T>(b.far)) Sweep<T, 8, true, far>::run_part(b, r, y, begin, end);
    else if (full) Sweep<T, 8, true, 0>::run_part(b, r, y, begin, end);
    else if (at_distance<T>(b.far)) Sweep<T, 0, true, far>::run_part(b, r, y, begin, end);
    else Sweep<T, 0, true, 0>::run_part(b, r, y, begin, end);
}

// sum <- sum + y of the parts from `first` to before `next`, the last of them first. Each has n numbers in y.
template <typename T>
static void add_parts(const Block<T>& b, const T* y, int first, int next, T* sum) {
    for (int part = next; part-- > first;) add_scaled(part_of<T>(b.n, part + 1), T(1), y + part * b.n, sum);
}

// gain(), once all parts have their y, and the last has the sum of those from `begun` on.
template <typename T>
static T gain_of_parts(const Block<T>& b, const T* r, const T* y, int begun, T* k) {
    std::memcpy(k, y + (parts_of(b.n) - 1) * b.n, b.n * sizeof(T));
    add_parts(b, y, 0, begun, k);
    if (*b.count == max_pending(b.n)) *b.count = 0, *b.scale = T(1);
    return without_waiting(b, r, k);
}

// Where k of the next term goes, after gain().
template <typename T>
static inline T* slot(const Block<T>& b) { return b.K + *b.count * b.stride; }

// P <- (P - c k k') / forgetting with the k in slot(b), to be applied later; once after each gain().
template <typename T>
static inline void push(const Block<T>& b, T c, T forgetting) {
    b.c[*b.count] = c / *b.scale;
    *b.scale /= forgetting;
    ++*b.count;
}

}  // namespace rls
}  // namespace tsim
#endif
