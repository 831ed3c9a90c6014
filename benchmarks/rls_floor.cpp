// One RLS update as generated code does it (gain, weights, and its share of applying the terms that waited) and the
// sums of its rows, beside its floor: a plain loop that reads and writes the same packed triangles once.
//
//     rls_floor d|f SECONDS THREADS BLOCKSxN ...         one line of JSON a case
//
// Each block learns one row of weights. Partners are drawn from as many sources as there are blocks, or are all N.
// Floor and update take turns, in bursts that first bring P to where it stays meanwhile, so that a busy
// neighbour slows both. Ratios are medians over the turns.
#include "tsim_sums.h"
#include "tsim_dense.h"
#include "tsim_rls.h"
#include "tsim_rls_update.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <vector>

typedef std::int64_t Long;

static double now() {
#ifdef RLS_FLOOR_CPU_TIME  // which neighbours hardly change
    return double(std::clock()) / CLOCKS_PER_SEC;
#endif
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

static double median(std::vector<double> x) {
    std::nth_element(x.begin(), x.begin() + x.size() / 2, x.end());
    return x[x.size() / 2];
}

// a = 1 and b = 0 leave P as it is, which the compiler cannot know.
template <typename T>
__attribute__((noinline)) static void read_and_write(T* P, Long size, T a, T b) {
#pragma omp parallel for schedule(static)
    for (Long i = 0; i < size; i++) P[i] = P[i] * a + b;
}

template <typename T>
struct Blocks {
    enum { PATTERNS = 64 };
    Long blocks, n, triangle, sources;
    int waiting;
    std::vector<T> memory, K, c, scale, x, w, error, z;
    std::vector<std::int32_t> count, partner, rows;
    std::vector<Long> block_start, P_start, pending_start, term_start, block_rows;
    T* P;
    std::size_t updates;
    double alpha;

    Blocks(Long blocks, Long n)
        : blocks(blocks), n(n), triangle(n * (n + 1) / 2), sources(blocks > n ? blocks : n),
          waiting(tsim::rls::max_pending(n)), memory(blocks * triangle + 64), K(blocks * waiting * n),
          c(blocks * waiting), scale(blocks, T(1)), x(PATTERNS * sources), w(blocks * n), error(blocks, T(1e-3)),
          z(blocks), count(blocks), partner(blocks * n), rows(blocks), updates(0), alpha(1) {
        // The floor is at its best on a cache line's boundary; the kernel does not care.
        P = reinterpret_cast<T*>((reinterpret_cast<std::uintptr_t>(memory.data()) + 63) / 64 * 64);
        for (Long b = 0; b <= blocks; b++) {
            block_start.push_back(b * n), P_start.push_back(b * triangle);
            pending_start.push_back(b * waiting * n), term_start.push_back(b * waiting), block_rows.push_back(b);
        }
        for (Long b = 0; b < blocks; b++) {
            rows[b] = std::int32_t(b);
            const Long apart = sources / n;  // one of so many sources each, in order
            for (Long j = 0; j < n; j++) partner[b * n + j] = std::int32_t(j * apart + std::rand() % apart);
        }
        for (T& value : x) value = T(std::rand()) / RAND_MAX - T(0.5);
        tsim::rls::start(problem());
    }
    tsim::rls::Problem<T, T, 1> problem() {
        tsim::rls::Problem<T, T, 1> p = {};
        p.n_blocks = blocks, p.partner = partner.data(), p.block_start = block_start.data();
        p.P_start = P_start.data(), p.pending_start = pending_start.data(), p.term_start = term_start.data();
        p.x = &x[updates % PATTERNS * sources];
        p.P = P, p.pending_k = K.data(), p.pending_c = c.data(), p.P_scale = scale.data(), p.pending = count.data();
        p.forgetting = 1, p.alpha = &alpha, p.divided = true, p.in_parts = blocks == 1;
        p.map[0].error = error.data(), p.map[0].rows = rows.data(), p.map[0].block_rows = block_rows.data();
        p.map[0].w = w.data(), p.map[0].row_start = block_start.data();
        return p;
    }
    void floor(T a, T b) { read_and_write(P, blocks * triangle, a, b); }
    void sums() {
        tsim::rls::sums(blocks, partner.data(), block_start.data(), &x[updates % PATTERNS * sources], rows.data(),
                        block_rows.data(), w.data(), block_start.data(), z.data());
    }
    void update() {
        if (!tsim::rls::update(problem())) std::abort();
        updates++;
    }
};

template <typename T>
static void measure(Long n_blocks, Long n, int threads, double seconds) {
    Blocks<T> p(n_blocks, n);
    volatile T one = 1, zero = 0;
    // A burst holds whole rounds of waiting terms and takes about a millisecond or more.
    const long repeat = p.waiting * std::max(1L, long(8e5 / p.waiting / (double(p.blocks) * p.triangle)));
    std::vector<double> floor, update, sums, ratio, whole;
    for (const double end = now() + seconds; now() < end || ratio.size() < 5;) {
        p.floor(one, zero);
        const double t0 = now();
        for (long i = 0; i < repeat; i++) p.floor(one, zero);
        const double t1 = now();
        for (int i = 0; i < p.waiting; i++) p.update();
        const double t2 = now();
        double in_sums = 0;
        for (long i = 0; i < repeat; i++) {
            const double begin = now();
            p.sums();
            in_sums += now() - begin;
            p.update();
        }
        const double t3 = now();
        floor.push_back((t1 - t0) / repeat * 1e3);
        sums.push_back(in_sums / repeat * 1e3);
        update.push_back((t3 - t2 - in_sums) / repeat * 1e3);
        ratio.push_back(update.back() / floor.back());
        whole.push_back((update.back() + sums.back()) / floor.back());
    }
    const double best_floor = *std::min_element(floor.begin(), floor.end());
    const double best_update = *std::min_element(update.begin(), update.end());
    std::printf("{\"dtype\": \"%s\", \"blocks\": %ld, \"n\": %ld, \"threads\": %d, \"floor_ms\": %.6g, "
                "\"update_ms\": %.6g, \"sums_ms\": %.6g, \"best_floor_ms\": %.6g, \"best_update_ms\": %.6g, "
                "\"ratio\": %.4g, \"ratio_with_sums\": %.4g, \"turns\": %zu}\n",
                sizeof(T) == 8 ? "float64" : "float32", long(n_blocks), long(n), threads, median(floor),
                median(update), median(sums), best_floor, best_update, median(ratio), median(whole), ratio.size());
    std::fflush(stdout);
}

int main(int argc, char** argv) {
    const int threads = std::atoi(argv[3]);
#if defined(_OPENMP)
    omp_set_num_threads(threads);
#endif
    for (int i = 4; i < argc; i++) {
        char* rest;
        const long blocks = std::strtol(argv[i], &rest, 10), n = std::strtol(rest + 1, 0, 10);
        if (argv[1][0] == 'd') measure<double>(blocks, n, threads, std::atof(argv[2]));
        else measure<float>(blocks, n, threads, std::atof(argv[2]));
    }
}
