// The whole state of a program between two runs, in a folder: arrays, spikes under way, random numbers, time.
// A program that gets "state=<folder>/" goes on from there and skips its initialisation.
#ifndef TSIM_STATE_H
#define TSIM_STATE_H

#include <cstdint>
#include <sstream>
#include "tsim_process.h"
#include "brianlib/dynamic_array.h"

namespace tsim {

// Where to go on from, and for how long; nothing, and less than 0, where the program starts anew.
struct Continued { std::string folder; double t, duration; };

inline Continued& continued()
{
    static Continued from;
    return from;
}

// Ctrl-C and its like end the run after its time step.
inline void begin_continuable(std::vector<std::string>& args)
{
    begin(args);
    for (const int number : {SIGINT, SIGTERM, SIGHUP})
        std::signal(number, [](int) { stop_wanted() = 1; Network::_globally_stopped = true; });
    const std::string t = take(args, "network.t="), duration = take(args, "network.duration=");
    continued() = {take(args, "state="), t.empty() ? -1 : std::atof(t.c_str()), duration.empty() ? -1 : std::atof(duration.c_str())};
}

inline bool goes_on() { return !continued().folder.empty(); }

inline size_t bytes_of(const std::string& name, const std::string& path)
{
    struct stat found;
    if (stat(path.c_str(), &found) != 0)
        unfit(name, path, std::strerror(errno));
    return (size_t)found.st_size;
}

template <typename T>
void restore_array(const std::string& file, T* data, size_t count)
{
    read_array(file, continued().folder + file, data, count);
}

template <typename V>
void restore_vector(const std::string& file, V& vector)
{
    vector.resize(bytes_of(file, continued().folder + file)/sizeof(vector[0]));
    if (vector.size() > 0)
        read_array(file, continued().folder + file, &vector[0], vector.size());
}

template <typename T>
void restore_rows(const std::string& file, DynamicArray2D<T>& rows, int columns)
{
    std::vector<T> flat;
    restore_vector(file, flat);
    const int count = columns > 0 ? (int)(flat.size()/columns) : 0;
    rows.resize(count, columns);
    for (int i = 0; i < count; i++)
        for (int j = 0; j < columns; j++)
            rows(i, j) = flat[(size_t)i*columns + j];
}

// Of each thread: where its ring begins, how many slots it has; of each slot: how many synapses, and which.
template <typename Pathway>
void write_queue(const std::string& folder, const std::string& file, const Pathway& pathway)
{
    std::vector<int64_t> flat;
    for (const auto* queue : pathway.queue) {
        flat.push_back(queue->offset);
        flat.push_back((int64_t)queue->queue.size());
        for (const auto& slot : queue->queue) {
            flat.push_back((int64_t)slot.size());
            flat.insert(flat.end(), slot.begin(), slot.end());
        }
    }
    write_vector(folder, file, flat);
}

// After `prepare` found the delays, which made a ring of the size that it needs.
template <typename Pathway>
void restore_queue(const std::string& file, Pathway& pathway)
{
    std::vector<int64_t> flat;
    restore_vector(file, flat);
    size_t at = 0;
    const auto next = [&]() -> int64_t {
        if (at >= flat.size())
            unfit(file, continued().folder + file, "it is too short");
        return flat[at++];
    };
    for (auto* queue : pathway.queue) {
        const size_t needed = queue->queue.size();
        const int64_t offset = next(), slots = next();
        queue->queue.assign((size_t)slots, {});
        queue->offset = (int)offset;
        for (auto& slot : queue->queue) {
            slot.resize((size_t)next());
            for (auto& synapse : slot)
                synapse = (int32_t)next();
        }
        queue->expand(needed);
    }
}

// Brian2's generators: the Mersenne twister as text, and the normal number that waits.
template <typename Generators>
void write_generators(const std::string& folder, const std::string& file, const Generators& generators)
{
    std::ostringstream text;
    for (const auto& one : generators) {
        uint64_t bits = 0;
        if (one.has_stored_gauss)
            std::memcpy(&bits, &one.stored_gauss, sizeof bits);
        text << one.gen << ' ' << one.has_stored_gauss << ' ' << bits << '\n';
    }
    const std::string written = text.str();
    write_array(folder, file, written.data(), written.size());
}

template <typename Generators>
void restore_generators(const std::string& file, Generators& generators)
{
    std::string read;
    restore_vector(file, read);
    std::istringstream text(read);
    for (auto& one : generators) {
        uint64_t bits = 0;
        text >> one.gen >> one.has_stored_gauss >> bits;
        std::memcpy(&one.stored_gauss, &bits, sizeof bits);
    }
    if (!text)
        unfit(file, continued().folder + file, "it is no state of random numbers");
}

}

#endif
