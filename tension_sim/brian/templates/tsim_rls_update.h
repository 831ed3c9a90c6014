// One update of all blocks, for generated C++ and Cython code; tsim_rls.h does the work on a block, and tsim_dense.h on
// a row of weights whose product is renewed. All three are included before this one, with tsim_sums.h.
//
// For each block, find() computes k and c, then learn() changes its weights and P: so a block that diverges is seen
// before any of it is written. With threads, find() runs for all blocks before learn(), as it does where a rule needs
// the c of other blocks. Threads share blocks, or of one large block its parts and rows: never a sum, so that the
// number of threads changes no bit. The code of a block is compiled by itself, because fast maths orders sums anew in
// each context, also in the one without threads.
#ifndef TSIM_RLS_UPDATE_H
#define TSIM_RLS_UPDATE_H

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

// Shares work among threads if there are enough numbers to make threads worthwhile.
#if defined(_OPENMP)
#include <omp.h>
#define TSIM_RLS_PRAGMA(text) _Pragma(#text)
#define TSIM_RLS_SHARED(numbers) ((numbers) > 20000 && omp_get_max_threads() > 1)
#define TSIM_RLS_THREADS(numbers) TSIM_RLS_PRAGMA(omp parallel for schedule(static) if (TSIM_RLS_SHARED(numbers)))
#else
#define TSIM_RLS_SHARED(numbers) false
#define TSIM_RLS_THREADS(numbers)
#endif

#if defined(__clang__)
#define TSIM_RLS_BY_ITSELF __attribute__((noinline))
#elif defined(__GNUC__)
#define TSIM_RLS_BY_ITSELF __attribute__((noipa))
#else
#define TSIM_RLS_BY_ITSELF
#endif

// 0: no block is shared among threads, see Problem.in_parts.
#ifndef TSIM_RLS_IN_PARTS
#define TSIM_RLS_IN_PARTS 1
#endif

namespace tsim {

namespace rls {

// One map. A null pointer stands for an option that is not used, here and below.
template <typename T>
struct Map {
    const T* error;                  // of each row
    const std::int32_t* rows;        // those learned, block by block,
    const std::int64_t* block_rows;  // and where each block's begin
    T* w;
    const std::int64_t* row_start;   // where the weights of a row begin in w
    const T* factor;                 // beside w: how fast each learns
    T* kept;                         // W x of each row, which is renewed with w; of a map with every weight alone
};

template <typename T, typename X, int MAPS>
struct Problem {
    std::int64_t n_blocks;
    const std::int32_t* partner;
    const std::int64_t *block_start, *P_start, *pending_start, *term_start;
    const X* x;
    T *P, *pending_k, *pending_c, *P_scale;
    std::int32_t* pending;
    T forgetting, relaxation;
    const double* alpha;             // P(0) = diag(alpha): one number, or one of each source
    bool alpha_each, divided;
    const std::int32_t* sign;        // of each source: weights of the other sign become 0
    const std::int32_t* block_of;    // of the row of each source, -1: none; divides a second time
    Map<T> map[MAPS];
    bool by_synapse;                 // x is one number beside each partner, not one of each source
    bool in_parts;                   // threads may share a large block, see tsim_rls.h
    const std::int32_t* group;       // of each source, -1: none; partners of one group share a penalty on their sum,
    const double* row_sum;           // this, of each source

    double alpha_of(std::int32_t source) const { return alpha_each ? alpha[source] : *alpha; }
    std::int64_t size(std::int64_t b) const { return block_start[b + 1] - block_start[b]; }
    Block<T> block(std::int64_t b) const {
        return Block<T>(size(b), P + P_start[b], pending_k + pending_start[b], size(b), pending_c + term_start[b],
                        P_scale + b, pending + b, is_far(P_start[n_blocks] * sizeof(T)));
    }
};

// Adds a part of P(0) to a block. The inverse of P(0) is diag(1/alpha), plus row_sum between partners of one group.
template <typename T, typename X, int MAPS>
static inline void add_first(const Problem<T, X, MAPS>& p, std::int64_t b, T part) {
    static thread_local std::vector<double> sum;  // of alpha in each group
    const std::int32_t* partner = p.partner + p.block_start[b];
    const std::int64_t n = p.size(b);
    sum.clear();
    for (std::int64_t j = 0; p.group && j < n; j++) {
        const std::int32_t g = p.group[partner[j]];
        if (g >= std::int64_t(sum.size())) sum.resize(g + 1);
        if (g >= 0) sum[g] += p.alpha_of(partner[j]);
    }
    T* P = p.P + p.P_start[b];
    for (std::int64_t i = 0; i < n; i++, P += i) {
        const std::int32_t s = partner[i], g = p.group ? p.group[s] : -1;
        const double a = p.alpha_of(s);
        // times alpha of another of the group: what stands between the two
        const double shared = g < 0 ? 0 : -a * p.row_sum[s] / (1 + p.row_sum[s] * sum[g]);
        for (std::int64_t j = 0; shared != 0 && j <= i; j++)
            if (p.group[partner[j]] == g) P[j] += part * T(shared * p.alpha_of(partner[j]));
        P[i] += part * T(a);
    }
}

// Makes P(0) of all blocks.
template <typename T, typename X, int MAPS>
static void start(const Problem<T, X, MAPS>& p) {
    TSIM_RLS_THREADS(p.P_start[p.n_blocks])
    for (std::int64_t b = 0; b < p.n_blocks; b++) {
        std::fill(p.P + p.P_start[b], p.P + p.P_start[b + 1], T(0));
        add_first(p, b, T(1));
        p.P_scale[b] = 1;
        p.pending[b] = 0;
    }
}

// w_i -= factor e k of one row; factor and sign may be null.
template <typename T>
TSIM_RLS_BY_ITSELF static void move(std::int64_t n, T* w, T e, const T* k, const T* factor, const std::int32_t* sign,
                        const std::int32_t* partner) {
    if (!factor && !sign) {
        for (std::int64_t j = 0; j < n; j++) w[j] -= e * k[j];
        return;
    }
    for (std::int64_t j = 0; j < n; j++) {
        const T value = w[j] - (factor ? factor[j] * e : e) * k[j];
        w[j] = sign && value * sign[partner[j]] < 0 ? T(0) : value;
    }
}

// The largest |x|. Bits of numbers are in order as integers, which compilers put in vectors; NaN comes last.
template <typename T>
static inline T largest(std::int64_t n, const T* x) {
    typedef typename std::conditional<sizeof(T) == 4, std::uint32_t, std::uint64_t>::type Bits;
    Bits top = 0;
    for (std::int64_t j = 0; j < n; j++) {
        Bits bits;
        std::memcpy(&bits, x + j, sizeof bits);
        top = std::max(top, Bits(bits & (Bits(-1) >> 1)));
    }
    T value;
    std::memcpy(&value, &top, sizeof value);
    return value;
}

// Fetch ahead n numbers. Always inlined, as what only calls it must be: gcc drops calls that have no other effect.
template <typename V>
TSIM_RLS_FN void fetch(const V* begin, std::int64_t n) {
    for (std::int64_t j = 0; j < n; j += 64 / sizeof(V)) TSIM_RLS_PREFETCH(begin + j);
}

template <typename T>
TSIM_RLS_BY_ITSELF static void multiply_part_by_itself(const Block<T>& b, const T* r, T* y, int part) {
    multiply_part(b, r, y, part);
}

// One thread's parts of P r. The last thread adds up its own, with which the sum of all begins: the caches of another
// core would take long to hand each of them over.
template <typename T>
static void multiply_parts(const Block<T>& b, const T* r, T* y, int first, int next, int& begun) {
    for (int part = first; part < next; part++) multiply_part_by_itself(b, r, y + part * b.n, part);
    const int last = parts_of(b.n) - 1;
    if (next <= last) return;
    add_parts(b, y, first, last, y + last * b.n);
    begun = first;
}

// gain() of a large block, by all threads.
template <typename T>
static T shared_gain(const Block<T>& b, const T* r, T* k) {
    static thread_local std::vector<T> sums;
    const int parts = parts_of(b.n);
    sums.resize(parts * b.n);
    T* const y = sums.data();
    int begun;
#if defined(_OPENMP)
#pragma omp parallel if (TSIM_RLS_SHARED(b.n * (b.n + 1) / 2))
    {
        const int threads = omp_get_num_threads(), me = omp_get_thread_num();
        multiply_parts(b, r, y, parts * me / threads, parts * (me + 1) / threads, begun);
    }
#else
    multiply_parts(b, r, y, 0, parts, begun);
#endif
    return gain_of_parts(b, r, y, begun, k);
}

// Fetch ahead what a block has beside P, which gain() fetches, for one more term than wait.
template <typename T, typename X, int MAPS>
TSIM_RLS_FN void fetch_beside_P(const Problem<T, X, MAPS>& p, std::int64_t b, std::int64_t terms) {
    const std::int64_t n = p.size(b), most = p.term_start[b + 1] - p.term_start[b];
    fetch(p.partner + p.block_start[b], n);
    fetch(p.pending_k + p.pending_start[b], std::min(terms, most) * n);
    fetch(p.pending_c + p.term_start[b], most);
    for (const Map<T>& m : p.map) {  // a processor sees by itself that further rows follow
        const std::int64_t i = m.block_rows[b];
        if (i < m.block_rows[b + 1]) fetch(m.w + m.row_start[m.rows[i]], n);
    }
}

// Computes k of a block in the slot of its next term; returns c, or 0 if the update is not finite.
template <typename T, typename X, int MAPS>
TSIM_RLS_BY_ITSELF static T find(const Problem<T, X, MAPS>& p, std::int64_t b) {
    static thread_local std::vector<T> r, k;
    const std::int64_t n = p.size(b);
    const std::int32_t* partner = p.partner + p.block_start[b];
    r.resize(n);
    k.resize(n);
    if (b + 1 < p.n_blocks) fetch_beside_P(p, b + 1, p.pending[b] + 1);
    for (std::int64_t j = 0; j < n; j++) r[j] = p.x[p.by_synapse ? p.block_start[b] + j : partner[j]];
    const bool in_parts = TSIM_RLS_IN_PARTS && p.in_parts && parts_of(n) > 1;
    const T q = in_parts ? shared_gain(p.block(b), r.data(), k.data()) : gain(p.block(b), r.data(), k.data());
    const T c = 1 / (p.forgetting + q);
    T largest_error = 0;
    bool good = c > 0 && std::isfinite(c);
    for (const Map<T>& m : p.map)
        for (std::int64_t i = m.block_rows[b]; i < m.block_rows[b + 1]; i++) {
            const T e = m.error[m.rows[i]];
            good = good && std::isfinite(e);
            largest_error = std::max(largest_error, std::abs(e));
        }
    good = good && std::isfinite((p.divided ? c : T(1)) * largest(n, k.data()) * largest_error);
    std::copy(k.begin(), k.end(), slot(p.block(b)));
    return good ? c : T(0);
}

// P <- (1 - relaxation) P + relaxation P(0), after the term of the update.
template <typename T, typename X, int MAPS>
static inline void relax(const Problem<T, X, MAPS>& p, std::int64_t b) {
    T keep = 1 - p.relaxation;
    TSIM_RLS_KEEP(keep);  // so that the two parts add up to 1
    const T scale = p.P_scale[b] *= keep;
    add_first(p, b, (1 - keep) / scale);
}

// Rows of a map with every weight, and what they give for x: W is read once.
template <typename T, typename X>
static void learn_and_multiply(const Map<T>& m, const X* x, std::int64_t first, std::int64_t end, std::int64_t n,
                               T gain, const T* k) {
    const auto learn_row = [&](std::int64_t i) {
        const std::int64_t row = m.rows[i];
        m.kept[row] = moved_dot(n, m.w + m.row_start[row], gain * m.error[row], k, x);
    };
    if (TSIM_RLS_SHARED(n * (end - first))) {
        TSIM_RLS_THREADS(n * (end - first))
        for (std::int64_t i = first; i < end; i++) learn_row(i);
    } else {
        for (std::int64_t i = first; i < end; i++) learn_row(i);
    }
}

// Changes the weights and P of a block, once c of all blocks is known.
template <typename T, typename X, int MAPS>
TSIM_RLS_BY_ITSELF static void learn(const Problem<T, X, MAPS>& p, std::int64_t b, const T* all_c) {
    static thread_local std::vector<T> divided;
    const std::int64_t n = p.size(b);
    const std::int32_t* partner = p.partner + p.block_start[b];
    const T *k = slot(p.block(b)), c = all_c[b];
    if (p.block_of) {
        divided.resize(n);
        for (std::int64_t j = 0; j < n; j++) {
            const std::int32_t other = p.block_of[partner[j]];
            divided[j] = other < 0 ? k[j] : k[j] * all_c[other];
        }
        k = divided.data();
    }
    for (const Map<T>& m : p.map) {
        const std::int64_t first = m.block_rows[b], end = m.block_rows[b + 1];
        if (m.kept) {
            learn_and_multiply(m, p.x, first, end, n, p.divided ? c : T(1), k);
            continue;
        }
        const auto learn_row = [&, k, c](std::int64_t i) {
            const std::int64_t row = m.rows[i], at = m.row_start[row];
            move(n, m.w + at, (p.divided ? c : T(1)) * m.error[row], k, m.factor ? m.factor + at : 0, p.sign, partner);
        };
        if (TSIM_RLS_SHARED(n * (end - first))) {
            TSIM_RLS_THREADS(n * (end - first))
            for (std::int64_t i = first; i < end; i++) learn_row(i);
        } else {  // where a region without threads would count, in each of many small blocks
            for (std::int64_t i = first; i < end; i++) learn_row(i);
        }
    }
    push(p.block(b), c, p.forgetting);
    if (p.relaxation != 0) relax(p, b);
}

// False if the update was not finite: then blocks before the first bad one have learned, or none where a rule needs
// all.
template <typename T, typename X, int MAPS>
static bool update(const Problem<T, X, MAPS>& p) {
    static std::vector<T> c_of;
    c_of.resize(p.n_blocks);
    T* const all_c = c_of.data();
    const std::int64_t numbers = p.n_blocks > 1 ? p.P_start[p.n_blocks] : 0;  // threads share what is in one block
    if (!p.block_of && !TSIM_RLS_SHARED(numbers)) {
        // a block learns at once, while the caches hold it
        for (std::int64_t b = 0; b < p.n_blocks; b++) {
            all_c[b] = find(p, b);
            if (all_c[b] == 0) return false;
            learn(p, b, all_c);
        }
        return true;
    }
    TSIM_RLS_THREADS(numbers)
    for (std::int64_t b = 0; b < p.n_blocks; b++) all_c[b] = find(p, b);
    const std::int64_t bad = std::find(all_c, all_c + p.n_blocks, T(0)) - all_c;
    const std::int64_t end = bad < p.n_blocks && p.block_of ? 0 : bad;
    TSIM_RLS_THREADS(numbers)
    for (std::int64_t b = 0; b < end; b++) learn(p, b, all_c);
    return bad == p.n_blocks;
}

// Sum of w[j]*x[partners[j]]; of w[j]*x[j] without partners.
template <typename T, typename X>
TSIM_RLS_BY_ITSELF static T sum(std::int64_t n, const T* w, const X* x, const std::int32_t* partners) {
    T total = 0;
    for (std::int64_t j = 0; j < n; j++) total += w[j] * x[partners ? partners[j] : j];
    return total;
}

// z = W x of the learned rows of a map; without partners, x is beside w.
template <typename T, typename X>
static void sums(std::int64_t n_blocks, const std::int32_t* partner, const std::int64_t* block_start, const X* x,
                 const std::int32_t* rows, const std::int64_t* block_rows, const T* w, const std::int64_t* row_start,
                 T* z) {
    TSIM_RLS_THREADS(block_start[n_blocks])
    for (std::int64_t b = 0; b < n_blocks; b++)
        for (std::int64_t i = block_rows[b]; i < block_rows[b + 1]; i++) {
            const std::int64_t n = block_start[b + 1] - block_start[b];
            z[rows[i]] = partner ? sum(n, w + row_start[rows[i]], x, partner + block_start[b])
                                 : sum(n, w + row_start[rows[i]], x + block_start[b], partner);
        }
}

}  // namespace rls
}  // namespace tsim
#endif
