// As much of CUDA, Thrust and cuRAND as generated programs use, on the CPU: so that they run where there is no GPU.
//
// A CUDA thread is a fiber, and __syncthreads() hands over to the next one. Blocks, and the threads between two
// barriers, must not depend on each other's order: FAKE_CUDA_ORDER=backwards turns both round. Device memory is memory
// of its own, filled with ones, that only cudaMemcpy reaches; that a GPU's code does not touch the host's, nothing
// checks here. FAKE_CUDA_COUNTS names a file: how many kernels were launched, and how often the host waited for
// something of the device.
#ifndef FAKE_CUDA_H
#define FAKE_CUDA_H

#include <algorithm>
#include <cassert>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <iostream>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

using namespace std;

struct dim3 {
    unsigned x, y, z;
    dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
};
extern dim3 threadIdx, blockIdx, blockDim, gridDim;
#define __global__
#define __device__
#define __host__
#define __shared__ static
#define __launch_bounds__(...)
void __syncthreads();
inline void __threadfence() {}

// kernel<<<grid, block>>>(arguments) becomes FAKE_LAUNCH(grid, block, kernel)(arguments)
#define FAKE_LAUNCH(grid, block, ...) \
    fake::launch(dim3(grid), dim3(block), [&](auto... _argument) { __VA_ARGS__(_argument...); })
namespace fake {
struct Counts {
    long launches = 0, waits = 0;
    ~Counts();
};
extern Counts counts;
void run(dim3 grid, dim3 block, const std::function<void()>& kernel);
template <class F>
auto launch(dim3 grid, dim3 block, F kernel) {
    return [=](auto... arguments) { run(grid, block, [&] { kernel(arguments...); }); };
}
}  // namespace fake

template <class T, class U> T atomicAdd(T* to, U value) { return std::exchange(*to, *to + value); }
template <class T, class U> T atomicOr(T* to, U value) { return std::exchange(*to, *to | value); }
template <class T, class U> T atomicMin(T* to, U value) { return std::exchange(*to, value < *to ? value : *to); }
template <class T, class U, class V> T atomicCAS(T* to, U old, V value) {
    return std::exchange(*to, *to == (T)old ? (T)value : *to);
}
template <class To, class From> To fake_bits(From from) {
    To to;
    std::memcpy(&to, &from, sizeof to);
    return to;
}
inline long long __double_as_longlong(double x) { return fake_bits<long long>(x); }
inline double __longlong_as_double(long long x) { return fake_bits<double>(x); }
inline int __float_as_int(float x) { return fake_bits<int>(x); }
inline float __int_as_float(int x) { return fake_bits<float>(x); }
inline int __int_as_int(int x) { return x; }

enum cudaError { cudaSuccess };
typedef cudaError cudaError_t;
enum cudaMemcpyKind { cudaMemcpyHostToDevice, cudaMemcpyDeviceToHost, cudaMemcpyDeviceToDevice };
enum cudaLimit { cudaLimitMallocHeapSize };
struct cudaDeviceProp {
    int multiProcessorCount = 4, maxThreadsPerBlock = 64, maxThreadsPerMultiProcessor = 2048, warpSize = 32;
    size_t sharedMemPerBlock = 49152;
};
struct cudaFuncAttributes {
    int numRegs = 0, maxThreadsPerBlock = 1024;
    size_t sharedSizeBytes = 0, localSizeBytes = 0, constSizeBytes = 0;
};
inline const char* cudaGetErrorString(cudaError) { return ""; }
template <class... Any> cudaError cudaSetDevice(Any...) { return cudaSuccess; }
template <class... Any> cudaError cudaDeviceSetLimit(Any...) { return cudaSuccess; }
template <class... Any> cudaError cudaDeviceSynchronize(Any...) { return cudaSuccess; }
template <class... Any> cudaError cudaGetLastError(Any...) { return cudaSuccess; }
template <class... Any> cudaError cudaProfilerStop(Any...) { return cudaSuccess; }
inline cudaError cudaGetDeviceProperties(cudaDeviceProp* to, int) { return *to = cudaDeviceProp(), cudaSuccess; }
inline cudaError cudaMemGetInfo(size_t* free, size_t* total) { return *free = *total = 1 << 30, cudaSuccess; }
inline cudaError cudaMalloc(void** to, size_t bytes) {
    return *to = std::malloc(bytes), std::memset(*to, 0xff, bytes), cudaSuccess;
}
inline cudaError cudaFree(void* memory) { return std::free(memory), cudaSuccess; }
inline cudaError cudaMemset(void* to, int value, size_t bytes) { return std::memset(to, value, bytes), cudaSuccess; }
inline cudaError cudaMemcpy(void* to, const void* from, size_t bytes, cudaMemcpyKind kind) {
    fake::counts.waits += kind == cudaMemcpyDeviceToHost;
    return std::memmove(to, from, bytes), cudaSuccess;
}
template <class T> cudaError cudaMemcpyToSymbol(T& symbol, const void* from, size_t bytes) {
    return std::memcpy((void*)&symbol, from, bytes), cudaSuccess;
}
template <class F> cudaError cudaFuncGetAttributes(cudaFuncAttributes* to, F) {
    return *to = cudaFuncAttributes(), cudaSuccess;
}
template <class F> cudaError cudaOccupancyMaxPotentialBlockSize(int* blocks, int* threads, F, int, int) {
    return *blocks = 1, *threads = 32, cudaSuccess;
}
template <class F> cudaError cudaOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, F, int, size_t) {
    return *blocks = 1, cudaSuccess;
}

enum curandStatus_t { CURAND_STATUS_SUCCESS, CURAND_STATUS_NONE };
typedef int curandGenerator_t;
struct curandState {};
enum { CURAND_RNG_PSEUDO_DEFAULT };
inline const char* _curandGetErrorEnum(curandStatus_t) { return ""; }
template <class... Any> curandStatus_t curandCreateGenerator(Any...) { return CURAND_STATUS_SUCCESS; }
template <class... Any> curandStatus_t curandDestroyGenerator(Any...) { return CURAND_STATUS_SUCCESS; }
template <class... Any> curandStatus_t curandSetPseudoRandomGeneratorSeed(Any...) { return CURAND_STATUS_SUCCESS; }
template <class... Any> curandStatus_t curandSetGeneratorOffset(Any...) { return CURAND_STATUS_SUCCESS; }
template <class... Any> void curand_init(Any...) {}
// random numbers of CUDA programs are not emulated
template <class... Any> curandStatus_t curandGenerateUniform(Any...) { std::abort(); }
template <class... Any> curandStatus_t curandGenerateUniformDouble(Any...) { std::abort(); }
template <class... Any> curandStatus_t curandGenerateNormal(Any...) { std::abort(); }
template <class... Any> curandStatus_t curandGenerateNormalDouble(Any...) { std::abort(); }
template <class... Any> curandStatus_t curandGeneratePoisson(Any...) { std::abort(); }

namespace thrust {
template <class T>
struct host_vector : std::vector<T> {
    using std::vector<T>::vector;
};
template <class T>
struct device_vector : std::vector<T> {
    using std::vector<T>::vector;
    device_vector& operator=(const host_vector<T>& from) { return this->assign(from.begin(), from.end()), *this; }
    operator host_vector<T>() const { return host_vector<T>(this->begin(), this->end()); }
};
template <class T> T* raw_pointer_cast(T* pointer) { return pointer; }
template <class T>
struct device_ptr {
    T* pointer;
    explicit device_ptr(T* pointer) : pointer(pointer) {}
    device_ptr operator+(long n) const { return device_ptr(pointer + n); }
};
template <class T, class F> long count_if(device_ptr<T> begin, device_ptr<T> end, F f) {
    fake::counts.waits++;
    return std::count_if(begin.pointer, end.pointer, f);
}
template <class T, class O, class F> O copy_if(device_ptr<T> begin, device_ptr<T> end, O to, F f) {
    fake::counts.waits++;
    return std::copy_if(begin.pointer, end.pointer, to, f);
}
using std::pair;
template <class I> void sequence(I begin, I end) { std::iota(begin, end, 0); }
template <class K, class V>
void sort_by_key(K begin, K end, V values) {
    std::vector<std::pair<typename std::iterator_traits<K>::value_type, typename std::iterator_traits<V>::value_type>> both;
    for (K key = begin; key != end; ++key) both.emplace_back(*key, values[key - begin]);
    std::stable_sort(both.begin(), both.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    for (const auto& one : both) *begin++ = one.first, *values++ = one.second;
}
// The first of each run of equal keys, and its value.
template <class K, class V>
pair<K, V> unique_by_key(K begin, K end, V values) {
    K to = begin;
    V value = values;
    for (K key = begin; key != end; ++key, ++values)
        if (to == begin || *key != *(to - 1)) *to++ = *key, *value++ = *values;
    return {to, value};
}
}  // namespace thrust
#endif
