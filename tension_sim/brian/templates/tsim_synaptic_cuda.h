// The weights of Synapses on a CUDA device: collected row by row before an update, and written back after it.
#ifndef TSIM_SYNAPTIC_CUDA_H
#define TSIM_SYNAPTIC_CUDA_H

#include <cstdint>

namespace tsim {
namespace synaptic {

// to[slot[k]] = from[k], of the synapses that learn; `value` where there is no array.
template <typename V, typename U>
__global__ void collect(std::int64_t n, const std::int32_t* slot, const V* from, V value, U* to, std::int64_t step,
                        const rls::Schedule schedule) {
    const std::int64_t k = thread_index();
    if (k < n && slot[k] >= 0 && rls::due(step, schedule)) to[slot[k]] = (U)(from ? from[k] : value);
}

// The rate of its source beside each synapse that learns; `shift` from the source's number to its place in the trace.
template <typename X, typename U>
__global__ void collect_rates(std::int64_t n, const std::int32_t* slot, const std::int32_t* source, std::int64_t shift,
                              const X* trace, U* to, std::int64_t step, const rls::Schedule schedule) {
    const std::int64_t k = thread_index();
    if (k < n && slot[k] >= 0 && rls::due(step, schedule)) to[slot[k]] = (U)trace[source[slot[k]] + shift];
}

// What was learned: to[k] = w[slot[k]].
template <typename V>
__global__ void scatter(std::int64_t n, const std::int32_t* slot, const V* w, V* to, std::int64_t step,
                        const rls::Schedule schedule) {
    const std::int64_t k = thread_index();
    if (k < n && slot[k] >= 0 && rls::due(step, schedule)) to[k] = w[slot[k]];
}

}  // namespace synaptic
}  // namespace tsim
#endif
