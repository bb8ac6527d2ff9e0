// The same header in C++17.
// SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors
//
// Blocks end by destructor, whatever leaves them; one left by an exception has status ERROR. TRACE_SPAN("name", .kind = ...)
// needs C++20; before, options are a structure, as below.
//
//     c++ -std=c++17 -O2 examples/cpp.cpp -pthread -o cpp && ./cpp [file ...]
#define TRACE_IMPLEMENTATION
#include "../trace.h"
#include <cmath>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

std::string read_file(const std::string &path) {
    TRACE_FUNCTION();
    trace_set("file.path", path.c_str());
    std::ifstream file(path, std::ios::binary);
    if (!file) throw std::runtime_error("cannot open " + path);
    std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    trace_set("file.size", text.size());
    return text;
}

// Bits a byte, were each byte coded by how often it occurs (Shannon).
double entropy(const std::string &text) {
    TRACE_FUNCTION();
    std::map<char, std::size_t> counts;
    for (const char byte : text) ++counts[byte];
    double bits = 0;
    for (const auto &entry : counts) {
        const double count = static_cast<double>(entry.second);
        bits -= count * std::log2(count / static_cast<double>(text.size()));
    }
    trace_set("bytes.distinct", counts.size());
    return text.empty() ? 0 : bits / static_cast<double>(text.size());
}

void measure(const std::string &path) {
    trace_span_options options;
    options.struct_size = sizeof options;
    options.kind = TRACE_KIND_CONSUMER;
    const trace_span span = trace_span_start_with("measure", &options);
    try {
        const double bits = entropy(read_file(path));
        trace_span_set(span, "bits", bits);
        std::cout << path + ": " + std::to_string(bits) + " bits a byte\n";
    } catch (const std::exception &problem) {
        trace_span_record_error(span, "std::runtime_error", problem.what());
        std::cout << std::string(problem.what()) + "\n";
    }
    trace_span_end(span);
}

} // namespace

int main(int argc, char **argv) {
    std::vector<std::string> paths(argv + 1, argv + argc);
    if (paths.empty()) paths = {"trace.h", "examples/cpp.cpp", "examples/no_such_file.cpp"};

    TRACE_SPAN("cpp") {
        trace_set("files", paths.size());
        trace_set("first", paths.front().c_str());
        std::vector<std::thread> threads;
        const trace_context here = trace_context_current();
        for (const std::string &path : paths)
            threads.emplace_back([here, path] {
                TRACE_WITH(here) measure(path);
            });
        for (std::thread &thread : threads) thread.join();
    }
}
