// Recursive least squares on a CUDA device: k = P r, c = 1/(forgetting + r'k), P <- (P - c k k')/forgetting, and a
// relaxation of P towards P(0).
//
// All blocks of P take part in each launch: a CUDA block for each row of P, or, where all blocks are small, for each
// block of P, which reads it once for k and once to learn. P is the packed lower triangle, row-major, as in tsim_rls.h;
// terms are applied at once here, and those that wait in the state a run starts from are applied in its first update.
// Sums have a fixed order, no number is added atomically: the same input gives the same bits.
#ifndef TSIM_RLS_CUDA_H
#define TSIM_RLS_CUDA_H

#include <cmath>
#include <cstdint>

#ifndef TSIM_WHOLE
#define TSIM_WHOLE 36864  // bytes of shared memory: a block of P that needs no more is small
#endif

namespace tsim {
namespace rls {

// When updates fall; pointers of one side, host or device.
struct Schedule {
    const std::int32_t* learning;
    const std::int64_t *start_step, *stop_step, *update_every;
    const double* probability;
    const std::int64_t* seed;
};

__host__ __device__ inline bool due(std::int64_t step, const Schedule& s) {
    return tsim::due(step, *s.learning, *s.start_step, *s.stop_step, *s.update_every, *s.probability, *s.seed);
}

// All that an update reads and writes, in device memory. T: weights and P; X: the source variable.
template <typename T, typename X, int MAPS>
struct Problem {
    std::int64_t n_blocks;
    std::int64_t n_rows;                          // of all blocks together
    const std::int32_t* partner;                  // [n_rows]
    const std::int64_t *block_start, *P_start, *pending_start;
    const std::int32_t* max_pending;
    const X* x;
    T *P, *pending_k, *pending_c, *P_scale;
    std::int32_t* pending;
    const double *alpha_P, *forgetting, *relaxation;
    const std::int32_t* divided;
    std::int32_t* fresh;
    std::int64_t *n_updates, *diverged_step;
    Schedule schedule;
    // of each map: the errors of its rows; the rows it learns, block by block; its weights
    const T* error[MAPS];
    const std::int32_t* rows[MAPS];
    const std::int64_t* block_rows[MAPS];
    std::int64_t n_entries[MAPS];                 // at least those in `rows` that count
    T* w[MAPS];
    const std::int64_t* row_start[MAPS];
    // kept between launches
    T* k;                                         // [n_rows]
    T* c;                                         // [n_blocks]
    std::int32_t* found;                          // what `look` saw
    std::int32_t* first_bad;                      // the first block that diverged, else n_blocks
    std::int64_t room_rows, room_blocks;          // how many k and c have room for
    bool small;                                   // all blocks of P are
    bool by_synapse;                              // x is one number beside each partner, not one of each source

    // r of a row of P, counted over all blocks.
    __device__ X r(std::int64_t row) const { return x[by_synapse ? row : partner[row]]; }
};

// Options that not every rule has; null if unused. Arrays of sources, then of stored weights.
template <typename T, int MAPS>
struct Options {
    bool alpha_each = false;                      // alpha_P is one number of each source
    const std::int32_t* group = 0;                // P(0): partners of one group share a penalty,
    const double* row_sum = 0;                    // this
    const std::int32_t* sign = 0;                 // weights of the other sign become 0
    const std::int32_t* block_of = 0;             // of the source's own row, or -1: divides a second time
    const T* factor[MAPS] = {};                   // how fast each learns
};

enum { DUE = 1, WAITS = 2 };

// Threads that read and write side by side; partners of the largest block that can be small.
enum { WARP = TSIM_THREADS < 32 ? TSIM_THREADS : 32, MOST_SMALL = 256 };

// The last b with start[b] <= i; blocks may be empty.
__device__ inline std::int64_t block_of(const std::int64_t* start, std::int64_t n_blocks, std::int64_t i) {
    std::int64_t low = 0, high = n_blocks;
    while (high - low > 1) {
        const std::int64_t middle = (low + high) / 2;
        if (start[middle] <= i) low = middle;
        else high = middle;
    }
    return low;
}

// One CUDA block: is an update due, and, if P is not settled, does it wait for something?
template <typename T, typename X, int MAPS>
__global__ void look(const Problem<T, X, MAPS> p, std::int64_t step, bool settled) {
    __shared__ int waits;
    const int me = threadIdx.x;
    const bool now = due(step, p.schedule);
    if (me == 0) {
        waits = !settled && *p.fresh;
        *p.first_bad = (std::int32_t)p.n_blocks;
    }
    __syncthreads();
    int mine = 0;
    for (std::int64_t b = me; now && !settled && b < p.n_blocks; b += TSIM_THREADS)
        mine |= p.pending[b] || p.P_scale[b] != 1;
    if (mine) atomicOr(&waits, 1);
    __syncthreads();
    if (me == 0) *p.found = now ? DUE | (waits ? WAITS : 0) : 0;
}

// By the whole CUDA block: P(0) between partner i of block b and another of its group, over alpha of that one.
template <typename T, typename X, int MAPS>
__device__ inline double shared_of(const Problem<T, X, MAPS>& p, const Options<T, MAPS>& o, std::int64_t b,
                                   std::int64_t i) {
    const std::int64_t n = p.block_start[b + 1] - p.block_start[b];
    const std::int32_t *partner = p.partner + p.block_start[b], s = partner[i];
    const bool grouped = o.group && o.group[s] >= 0;
    double sum = 0;
    for (std::int64_t j = threadIdx.x; grouped && j < n; j += TSIM_THREADS)
        if (o.group[partner[j]] == o.group[s]) sum += p.alpha_P[o.alpha_each ? partner[j] : 0];
    sum = sum_of_block(sum);
    __shared__ double shared;
    const double a = p.alpha_P[o.alpha_each ? s : 0];
    if (threadIdx.x == 0) shared = grouped ? -a * o.row_sum[s] / (1 + o.row_sum[s] * sum) : 0;
    __syncthreads();
    return shared;
}

// P(0) of block b at row i and column j <= i.
template <typename T, typename X, int MAPS>
__device__ inline T first_P(const Problem<T, X, MAPS>& p, const Options<T, MAPS>& o, std::int64_t b, std::int64_t i,
                            std::int64_t j, double shared) {
    const std::int32_t *partner = p.partner + p.block_start[b], other = partner[j];
    const bool same = shared != 0 && o.group[other] == o.group[partner[i]];
    const double a = p.alpha_P[o.alpha_each ? other : 0];
    return (same ? (T)(shared * a) : (T)0) + (j == i ? (T)a : (T)0);
}

// By the whole CUDA block: make P(0) of a row, or apply the terms that wait.
template <typename T, typename X, int MAPS>
__device__ inline void settle_row(const Problem<T, X, MAPS>& p, const Options<T, MAPS>& o, std::int64_t b,
                                  std::int64_t i) {
    const std::int64_t n = p.block_start[b + 1] - p.block_start[b];
    T* row = p.P + p.P_start[b] + i * (i + 1) / 2;
    if (*p.fresh) {
        const double shared = shared_of(p, o, b, i);
        for (std::int64_t j = threadIdx.x; j <= i; j += TSIM_THREADS) row[j] = first_P(p, o, b, i, j, shared);
        return;
    }
    const std::int32_t waiting = p.pending[b];
    const T* K = p.pending_k + p.pending_start[b];
    const T* c = p.pending_c;
    for (std::int64_t before = 0; waiting && before < b; before++) c += p.max_pending[before];
    for (std::int64_t j = threadIdx.x; j <= i; j += TSIM_THREADS) {
        T value = row[j];
        for (int m = 0; m < waiting; m++) value -= c[m] * K[m * n + i] * K[m * n + j];
        row[j] = p.P_scale[b] * value;
    }
}

// One CUDA block per row of P.
template <typename T, typename X, int MAPS>
__global__ void settle(const Problem<T, X, MAPS> p, const Options<T, MAPS> o) {
    if (!(*p.found & WAITS)) return;
    const std::int64_t b = block_of(p.block_start, p.n_blocks, blockIdx.x);
    settle_row(p, o, b, blockIdx.x - p.block_start[b]);
}

// One CUDA block per row of P: k = P r. What lies right of the diagonal is read from the column below it.
template <typename T, typename X, int MAPS>
__global__ void product(const Problem<T, X, MAPS> p) {
    const std::int64_t b = block_of(p.block_start, p.n_blocks, blockIdx.x), i = blockIdx.x - p.block_start[b];
    const std::int64_t n = p.block_start[b + 1] - p.block_start[b];
    const T* P = p.P + p.P_start[b];
    T sum = 0;
    for (std::int64_t j = threadIdx.x; j < n; j += TSIM_THREADS) {
        const T value = j <= i ? P[i * (i + 1) / 2 + j] : P[j * (j + 1) / 2 + i];
        sum += value * (T)p.r(p.block_start[b] + j);
    }
    sum = sum_of_block(sum);
    if (threadIdx.x == 0) p.k[blockIdx.x] = sum;
}

// By the whole CUDA block: c = 1/(forgetting + r'k), and whether gain, k and the errors of a block's rows give numbers;
// looked at before anything is written.
template <typename T, typename X, int MAPS>
__device__ inline void gain_of(const Problem<T, X, MAPS>& p, std::int64_t b) {
    T sum = 0, largest_k = 0, largest_error = 0;
    for (std::int64_t g = p.block_start[b] + threadIdx.x; g < p.block_start[b + 1]; g += TSIM_THREADS) {
        sum += (T)p.r(g) * p.k[g];
        if (std::abs(p.k[g]) > largest_k) largest_k = std::abs(p.k[g]);
    }
    for (int m = 0; m < MAPS; m++)
        for (std::int64_t i = p.block_rows[m][b] + threadIdx.x; i < p.block_rows[m][b + 1]; i += TSIM_THREADS) {
            const T e = p.error[m][p.rows[m][i]], size = std::isfinite(e) ? std::abs(e) : (T)INFINITY;
            if (size > largest_error) largest_error = size;
        }
    sum = sum_of_block(sum);
    largest_k = largest_of_block(largest_k);
    __syncthreads();
    largest_error = largest_of_block(largest_error);
    if (threadIdx.x == 0) {
        const T c = 1 / ((T)*p.forgetting + sum), gain = *p.divided ? c : (T)1;
        p.c[b] = c;
        const bool good = c > 0 && std::isfinite(c) && std::isfinite(gain * largest_k * largest_error);
        if (!good) atomicMin(p.first_bad, (std::int32_t)b);
    }
}

// One CUDA block per block of P.
template <typename T, typename X, int MAPS>
__global__ void gains(const Problem<T, X, MAPS> p) {
    gain_of(p, blockIdx.x);
}

// One CUDA block per small block of P: k = P r of a P in shared memory, then its gain. Threads of 32 neighbouring rows
// never read one bank twice at a time: that is how the packed triangle lies.
template <typename T, typename X, int MAPS>
__global__ void gains_of_small(const Problem<T, X, MAPS> p, const Options<T, MAPS> o) {
    const int most = TSIM_WHOLE / sizeof(T);
    __shared__ T P[most], r[MOST_SMALL];
    const std::int64_t b = blockIdx.x, first = p.block_start[b], n = p.block_start[b + 1] - first;
    const T* stored = p.P + p.P_start[b];
    if (*p.found & WAITS)
        for (std::int64_t i = 0; i < n; i++) {
            settle_row(p, o, b, i);
            __syncthreads();
        }
    for (std::int64_t at = threadIdx.x; at < n * (n + 1) / 2; at += TSIM_THREADS) P[at] = stored[at];
    for (std::int64_t i = threadIdx.x; i < n; i += TSIM_THREADS) r[i] = (T)p.r(first + i);
    __syncthreads();
    for (int i = threadIdx.x; i < n; i += TSIM_THREADS) {
        const T* row = P + i * (i + 1) / 2;
        T sum = 0;
        for (int j = 0; j <= i; j++) sum += row[j] * r[j];
        for (int j = i + 1; j < n; j++) sum += P[j * (j + 1) / 2 + i] * r[j];
        p.k[first + i] = sum;
    }
    __syncthreads();
    gain_of(p, b);
}

// Whether a block learns: those before the first bad one do; none does if one is bad and a rule needs the c of all.
template <typename T, typename X, int MAPS>
__device__ inline bool learns(const Problem<T, X, MAPS>& p, const Options<T, MAPS>& o, std::int64_t b) {
    return b < *p.first_bad && !(o.block_of && *p.first_bad < p.n_blocks);
}

// W_i -= g e_i k of one learned row of a block, by threads that take every `step`th weight.
template <typename T, typename X, int MAPS>
__device__ inline void learn_row(const Problem<T, X, MAPS>& p, const Options<T, MAPS>& o, int m, std::int64_t b,
                                 std::int64_t entry, int me, int step) {
    const std::int32_t row = p.rows[m][entry];
    const std::int64_t n = p.block_start[b + 1] - p.block_start[b];
    const T e = (*p.divided ? p.c[b] : (T)1) * p.error[m][row];
    const T* k = p.k + p.block_start[b];
    const std::int32_t* partner = p.partner + p.block_start[b];
    for (std::int64_t j = me; j < n; j += step) {
        const std::int64_t at = p.row_start[m][row] + j;
        T change = e * k[j];
        if (o.block_of && o.block_of[partner[j]] >= 0) change *= p.c[o.block_of[partner[j]]];
        if (o.factor[m]) change *= o.factor[m][at];
        const T value = p.w[m][at] - change;
        p.w[m][at] = o.sign && value * o.sign[partner[j]] < 0 ? (T)0 : value;
    }
}

// One CUDA block per learned row of a map.
template <typename T, typename X, int MAPS>
__global__ void weights(const Problem<T, X, MAPS> p, const Options<T, MAPS> o) {
    const int m = blockIdx.y;
    const std::int64_t* block_rows = p.block_rows[m];
    if ((std::int64_t)blockIdx.x >= block_rows[p.n_blocks]) return;
    const std::int64_t b = block_of(block_rows, p.n_blocks, blockIdx.x);
    if (learns(p, o, b)) learn_row(p, o, m, b, blockIdx.x, threadIdx.x, TSIM_THREADS);
}

// Whether P is pulled towards a P(0) that is more than a diagonal.
template <typename T, typename X, int MAPS>
__device__ inline bool pulled_to_groups(const Problem<T, X, MAPS>& p, const Options<T, MAPS>& o) {
    return o.group && *p.relaxation != 0;
}

// P <- (P - c k k')/forgetting, then its relaxation, of one row of a block, by threads that take every `step`th number.
template <typename T, typename X, int MAPS>
__device__ inline void downdate_row(const Problem<T, X, MAPS>& p, const Options<T, MAPS>& o, std::int64_t b,
                                    std::int64_t i, double shared, int me, int step) {
    const T* k = p.k + p.block_start[b];
    const T ck = p.c[b] * k[i], forgetting = (T)*p.forgetting, keep = 1 - (T)*p.relaxation;
    T* row = p.P + p.P_start[b] + i * (i + 1) / 2;
    for (std::int64_t j = me; j <= i; j += step) {
        const T value = row[j] - ck * k[j];
        row[j] = forgetting == 1 ? keep * value : keep * value / forgetting;
        if (keep != 1) row[j] += (1 - keep) * first_P(p, o, b, i, j, shared);
    }
}

// One CUDA block per row of P.
template <typename T, typename X, int MAPS>
__global__ void downdate(const Problem<T, X, MAPS> p, const Options<T, MAPS> o) {
    const std::int64_t b = block_of(p.block_start, p.n_blocks, blockIdx.x), i = blockIdx.x - p.block_start[b];
    if (!learns(p, o, b)) return;
    const double shared = pulled_to_groups(p, o) ? shared_of(p, o, b, i) : 0;
    downdate_row(p, o, b, i, shared, threadIdx.x, TSIM_THREADS);
}

// One CUDA block per small block of P: its weights, and P, of which each warp takes a row at a time.
template <typename T, typename X, int MAPS>
__global__ void learn_small(const Problem<T, X, MAPS> p, const Options<T, MAPS> o) {
    const std::int64_t b = blockIdx.x, n = p.block_start[b + 1] - p.block_start[b];
    if (!learns(p, o, b)) return;
    for (int m = 0; m < MAPS; m++)
        for (std::int64_t entry = p.block_rows[m][b]; entry < p.block_rows[m][b + 1]; entry++)
            learn_row(p, o, m, b, entry, threadIdx.x, TSIM_THREADS);
    if (pulled_to_groups(p, o))
        for (std::int64_t i = 0; i < n; i++) {
            downdate_row(p, o, b, i, shared_of(p, o, b, i), threadIdx.x, TSIM_THREADS);
            __syncthreads();
        }
    else
        for (std::int64_t i = threadIdx.x / WARP; i < n; i += TSIM_THREADS / WARP)
            downdate_row(p, o, b, i, 0, threadIdx.x % WARP, WARP);
}

// One CUDA block, after all others: the state says what was done.
template <typename T, typename X, int MAPS>
__global__ void finish(const Problem<T, X, MAPS> p, std::int64_t step) {
    for (std::int64_t b = threadIdx.x; (*p.found & WAITS) && b < p.n_blocks; b += TSIM_THREADS) {
        p.pending[b] = 0;
        p.P_scale[b] = 1;
    }
    __syncthreads();
    if (threadIdx.x) return;
    *p.fresh = *p.found = 0;
    if (*p.first_bad == p.n_blocks) ++*p.n_updates;
    else *p.diverged_step = step;
}

// The device memory an object keeps between launches, made anew where blocks have grown; freed with the process.
template <typename T, typename X, int MAPS>
void allocate(Problem<T, X, MAPS>& p) {
    if (p.k && p.n_rows <= p.room_rows && p.n_blocks <= p.room_blocks) return;
    CUDA_SAFE_CALL(cudaFree(p.k));
    CUDA_SAFE_CALL(cudaFree(p.c));
    CUDA_SAFE_CALL(cudaMalloc((void**)&p.k, sizeof(T) * (p.n_rows + 1)));
    CUDA_SAFE_CALL(cudaMalloc((void**)&p.c, sizeof(T) * (p.n_blocks + 1)));
    if (!p.found) {
        CUDA_SAFE_CALL(cudaMalloc((void**)&p.found, sizeof(std::int32_t)));
        CUDA_SAFE_CALL(cudaMalloc((void**)&p.first_bad, sizeof(std::int32_t)));
    }
    p.room_rows = p.n_rows;
    p.room_blocks = p.n_blocks;
}

// Whether all blocks of P are small, by the host's array.
template <typename T>
bool are_small(std::int64_t n_blocks, const std::int64_t* block_start) {
    std::int64_t most = 0;
    for (std::int64_t b = 0; b < n_blocks; b++) most = std::max(most, block_start[b + 1] - block_start[b]);
    return most <= MOST_SMALL && most * (most + 1) / 2 * sizeof(T) <= TSIM_WHOLE;
}

static inline std::int32_t fetched(const std::int32_t* from) {
    std::int32_t value;
    CUDA_SAFE_CALL(cudaMemcpy(&value, from, sizeof value, cudaMemcpyDeviceToHost));
    return value;
}

// One time step; returns false if learning diverged in it. The host waits for the device's answer, so that the run ends
// with this very step. is_due: the host knows that an update is, else it asks the device. settled: that nothing of P
// waits, as after the first update of a run.
template <typename T, typename X, int MAPS>
bool update(const Problem<T, X, MAPS>& p, std::int64_t step, bool is_due, bool& settled,
            const Options<T, MAPS>& o = Options<T, MAPS>()) {
    if (!is_due || !settled) TSIM_LAUNCH((look<T, X, MAPS>), 1, TSIM_THREADS, p, step, settled);
    if (!is_due && !(fetched(p.found) & DUE)) return true;
    const unsigned rows = (unsigned)p.n_rows;
    if (rows && p.small) {
        TSIM_LAUNCH((gains_of_small<T, X, MAPS>), (unsigned)p.n_blocks, TSIM_THREADS, p, o);
        TSIM_LAUNCH((learn_small<T, X, MAPS>), (unsigned)p.n_blocks, TSIM_THREADS, p, o);
    } else if (rows) {
        dim3 entries(1, MAPS);
        for (int m = 0; m < MAPS; m++)
            if (p.n_entries[m] > entries.x) entries.x = (unsigned)p.n_entries[m];
        if (!settled) TSIM_LAUNCH((settle<T, X, MAPS>), rows, TSIM_THREADS, p, o);
        TSIM_LAUNCH((product<T, X, MAPS>), rows, TSIM_THREADS, p);
        TSIM_LAUNCH((gains<T, X, MAPS>), (unsigned)p.n_blocks, TSIM_THREADS, p);
        TSIM_LAUNCH((weights<T, X, MAPS>), entries, TSIM_THREADS, p, o);
        TSIM_LAUNCH((downdate<T, X, MAPS>), rows, TSIM_THREADS, p, o);
    }
    TSIM_LAUNCH((finish<T, X, MAPS>), 1, TSIM_THREADS, p, step);
    settled = fetched(p.first_bad) == p.n_blocks;  // else look again before another update
    return settled;
}

// Some elements of one array at a place of another.
template <typename X, typename Y>
__global__ void copy(std::int64_t n, const X* from, Y* to, std::int64_t step, const Schedule schedule) {
    const std::int64_t i = thread_index();
    if (i < n && due(step, schedule)) to[i] = (Y)from[i];
}

// One CUDA block per learned row of a map: z = W x; without partners, x is beside w.
template <typename T, typename X>
__global__ void row_sums(std::int64_t n_blocks, const std::int32_t* partner, const std::int64_t* block_start,
                         const X* x, const std::int32_t* rows, const std::int64_t* block_rows, const T* w,
                         const std::int64_t* row_start, T* z, std::int64_t step, const Schedule schedule) {
    if ((std::int64_t)blockIdx.x >= block_rows[n_blocks] || !due(step, schedule)) return;
    const std::int64_t b = block_of(block_rows, n_blocks, blockIdx.x), first = block_start[b];
    const std::int64_t n = block_start[b + 1] - first;
    const T* weights = w + row_start[rows[blockIdx.x]];
    T sum = 0;
    for (std::int64_t j = threadIdx.x; j < n; j += TSIM_THREADS) sum += weights[j] * x[partner ? partner[first + j] : first + j];
    sum = sum_of_block(sum);
    if (threadIdx.x == 0) z[rows[blockIdx.x]] = sum;
}
}  // namespace rls
}  // namespace tsim
#endif
