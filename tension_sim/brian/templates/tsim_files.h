// Files of a program are read and written whole, or the program ends. It reports on stdout what it
// wrote ("wrote <bytes> <path>") or why it ends ("fault <sentence>"), because a full disk takes no log.
#ifndef TSIM_FILES_H
#define TSIM_FILES_H

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <type_traits>
#include <vector>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

namespace tsim {

// As in sysexits.h.
enum { unreadable = 66, unwritable = 74 };

// A folder on a disk for what does not fit into the folder of the results, if that is in memory.
inline std::string& spare_folder()
{
    static std::string folder;
    return folder;
}

[[noreturn]] inline void end_with(int status, const std::string& sentence)
{
    std::printf("fault %s\n", sentence.c_str());
    std::fflush(stdout);
    std::_Exit(status);
}

inline std::string free_space(const std::string& folder)
{
    struct statvfs disk;
    if (statvfs(folder.c_str(), &disk) != 0)
        return "an unknown number of";
    return std::to_string((unsigned long long)disk.f_bavail*disk.f_frsize);
}

// Returns 0, or why a file could not be written whole. Pages that a file has already are written into.
inline int write_bytes(const std::string& path, const char* data, size_t bytes)
{
    const int file = open(path.c_str(), O_WRONLY | O_CREAT, 0600);
    if (file < 0)
        return errno;
    struct stat found;
    int error = 0;
    if (fstat(file, &found) != 0 || (found.st_size > (off_t)bytes && ftruncate(file, (off_t)bytes) != 0))
        error = errno;
    while (bytes > 0 && !error) {
        const ssize_t done = write(file, data, bytes);
        if (done > 0) {
            data += done;
            bytes -= done;
        } else if (done == 0 || errno != EINTR) {
            error = done == 0 ? ENOSPC : errno;
        }
    }
    if (close(file) != 0 && !error && errno != EINTR)  // network file systems tell only now
        error = errno;
    return error;
}

template <typename T>
void write_array(const std::string& folder, const std::string& name, const T* data, size_t count)
{
    const size_t bytes = count*sizeof(T);
    std::string used = folder;
    int error = write_bytes(used + name, reinterpret_cast<const char*>(data), bytes);
    if (error && !spare_folder().empty()) {
        unlink((used + name).c_str());
        used = spare_folder();
        error = write_bytes(used + name, reinterpret_cast<const char*>(data), bytes);
    }
    if (error)
        end_with(unwritable, "could not write " + std::to_string(bytes) + " bytes into " + used + name + " ("
            + std::strerror(error) + "; " + free_space(used) + " bytes are free there)");
    std::printf("wrote %zu %s\n", bytes, (used + name).c_str());
}

// For std::vector and thrust's vectors on the host.
template <typename V>
void write_vector(const std::string& folder, const std::string& name, const V& vector)
{
    write_array(folder, name, vector.data(), vector.size());
}

// For Brian2's arrays of two dimensions, row by row.
template <typename A>
void write_rows(const std::string& folder, const std::string& name, A& array)
{
    typedef typename std::decay<decltype(array(0, 0))>::type T;
    std::vector<T> flat;
    for (int i = 0; i < (int)array.n; i++)
        for (int j = 0; j < (int)array.m; j++)
            flat.push_back(array(i, j));
    write_vector(folder, name, flat);
}

[[noreturn]] inline void unfit(const std::string& name, const std::string& path, const std::string& why)
{
    end_with(unreadable, "could not read " + name + " from " + path + " (" + why + ")");
}

// Reads what begins at a byte of an open file, all of it; `name` is for the message.
inline void read_bytes(const std::string& name, const std::string& path, int file, size_t first, char* to, size_t bytes)
{
    while (bytes > 0) {
        const ssize_t done = pread(file, to, bytes, (off_t)first);
        if (done > 0) {
            to += done;
            first += done;
            bytes -= done;
        } else if (done == 0 || errno != EINTR) {
            unfit(name, path, done == 0 ? "it became shorter meanwhile" : std::strerror(errno));
        }
    }
}

template <typename T>
void read_array(const std::string& name, const std::string& path, T* data, size_t count)
{
    size_t bytes = count*sizeof(T);
    const int file = open(path.c_str(), O_RDONLY);
    struct stat found;
    if (file < 0 || fstat(file, &found) != 0)
        unfit(name, path, std::strerror(errno));
    if ((size_t)found.st_size != bytes)
        unfit(name, path, "it has " + std::to_string((unsigned long long)found.st_size) + " bytes, not the "
            + std::to_string(bytes) + " of " + std::to_string(count) + " values");
    read_bytes(name, path, file, 0, reinterpret_cast<char*>(data), bytes);
    close(file);
}

// Returns the value of an argument such as "neurons.v=", which is taken out; "" if there is none.
inline std::string take(std::vector<std::string>& args, const std::string& name)
{
    for (auto arg = args.begin(); arg != args.end(); ++arg)
        if (arg->compare(0, name.size(), name) == 0) {
            const std::string value = arg->substr(name.size());
            args.erase(arg);
            return value;
        }
    return std::string();
}

// Returns whether a value is a number rather than a path.
template <typename T>
bool as_number(const std::string& value, T& number)
{
    if (value == "True" || value == "False") {
        number = value == "True";
        return true;
    }
    char* end = nullptr;
    number = std::is_integral<T>::value ? (T)std::strtoll(value.c_str(), &end, 10) : (T)std::strtod(value.c_str(), &end);
    return *end == 0;
}

// Sets an array from its argument: a number for all of it, or the path of a file. Returns whether there was one.
template <typename T>
bool load_array(std::vector<std::string>& args, const std::string& name, T* data, size_t count)
{
    const std::string value = take(args, name + "=");
    T number;
    if (value.empty())
        return false;
    if (as_number(value, number))
        std::fill(data, data + count, number);
    else
        read_array(name, value, data, count);
    return true;
}

// The same for a vector. One of any length gets the length of its file; a further argument has the bytes of that.
template <typename V>
bool load_vector(std::vector<std::string>& args, const std::string& name, V& vector, bool of_any_length)
{
    const std::string bytes = take(args, name + ".bytes=");
    if (of_any_length && !bytes.empty())
        vector.resize(std::strtoull(bytes.c_str(), nullptr, 10)/sizeof(vector[0]));
    return load_array(args, name, vector.data(), vector.size());
}

}

#endif
