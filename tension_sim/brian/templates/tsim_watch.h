// What a program tells of itself while it runs, on its standard output: frames, and blocks at whose end it asks on its
// standard input whether to go on. Nothing here changes a number of the run.
#ifndef TSIM_WATCH_H
#define TSIM_WATCH_H

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <unistd.h>
#include <vector>

namespace tsim {

template <typename T>
double sum_of_squares(const T* x, int64_t n)
{
    double lane[8] = {}, sum = 0;
    int64_t i = 0;
    for (; i + 8 <= n; i += 8)
        for (int l = 0; l < 8; l++)
            lane[l] += double(x[i + l]) * double(x[i + l]);
    for (; i < n; i++)
        sum += double(x[i]) * double(x[i]);
    for (int l = 0; l < 8; l++)
        sum += lane[l];
    return sum;
}

// The trace of all P of a rule. The terms that wait are subtracted: P = scale (packed - sum of c k k').
template <typename T>
double trace(int64_t blocks, const int64_t* start, const int64_t* P_start, const int64_t* k_start,
             const int64_t* c_start, const T* P, const T* k, const T* c, const T* scale, const int32_t* pending)
{
    double all = 0;
    for (int64_t b = 0; b < blocks; b++) {
        const int64_t n = start[b + 1] - start[b];
        const T* diagonal = P + P_start[b];
        double sum = 0;
        for (int64_t i = 0; i < n; diagonal += ++i + 1)
            sum += *diagonal;
        for (int32_t m = 0; m < pending[b]; m++)
            sum -= c[c_start[b] + m] * sum_of_squares(k + k_start[b] + m * n, n);
        all += scale[b] * sum;
    }
    return all;
}

// Time that this thread worked: a frame costs no more where others have the core meanwhile.
inline double seconds_of_this_thread()
{
    timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return double(now.tv_sec) + 1e-9*double(now.tv_nsec);
}

// Sums over the steps since the last frame, sampled outputs, and when the next frame is due.
class Frames
{
    typedef std::chrono::steady_clock Clock;
    enum { SAMPLES = 256 };
    Clock::time_point due_ = Clock::now() + std::chrono::milliseconds(34);
    std::vector<double> samples_;  // a step and its outputs, one after the other
    int64_t stride_ = 1;
    int64_t taken_ = 0;
public:
    double error = 0;
    int64_t spikes = 0, steps = 0;

    // Rows that find no room halve the density of all.
    template <typename Write>
    void sample(int64_t width, Write write)
    {
        if (taken_++ % stride_)
            return;
        samples_.resize(samples_.size() + width);
        write(samples_.data() + samples_.size() - width);
        if ((int64_t)samples_.size() < SAMPLES * width)
            return;
        for (int64_t row = 1; row < SAMPLES / 2; row++)
            for (int64_t j = 0; j < width; j++)
                samples_[row * width + j] = samples_[2 * row * width + j];
        samples_.resize(SAMPLES / 2 * width);
        stride_ *= 2;
    }

    // At most 30 frames a second, and so few that they cost no more than a hundredth of the time.
    bool due() const { return Clock::now() >= due_; }

    template <typename Norms>
    void show(int64_t next, int64_t width, Norms norms)
    {
        const double begin = seconds_of_this_thread();
        double weights, P;
        norms(weights, P);
        std::printf("frame %lld %lld %.17g %lld %.17g %.17g %lld", (long long)next, (long long)steps, error,
                    (long long)spikes, weights, P, (long long)width);
        for (const double number : samples_)
            std::printf(" %.9g", number);
        std::printf("\n");
        std::fflush(stdout);
        samples_.clear();
        error = 0, spikes = 0, steps = 0, stride_ = 1, taken_ = 0;
        const double rest = std::min(2.0, std::max(0.033, 100*(seconds_of_this_thread() - begin)));
        due_ = Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(rest));
    }
};

// Tells of a block that ended, and returns whether to go on.
inline bool goes_on(int64_t next, int64_t steps, double error, int64_t spikes, double weights, double P)
{
    std::printf("block %lld %lld %.17g %lld %.17g %.17g\n", (long long)next, (long long)steps, error,
                (long long)spikes, weights, P);
    std::fflush(stdout);
    char answer = 0;
    return read(STDIN_FILENO, &answer, 1) == 1 && answer == 'g';
}

}

#endif
