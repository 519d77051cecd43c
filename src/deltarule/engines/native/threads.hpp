// Threads of one run: they execute the same program; a barrier keeps them in step, a counter deals out the
// work. A waiting thread spins briefly, then sleeps and gives its core back. A thread that cannot be started
// is done without; what one thread throws ends the program in all of them, and then comes out of `run`.
#pragma once

#include <exception>
#include <functional>
#include <thread>
#include <vector>

#include "cores.hpp"

namespace deltarule {

class Team {
  public:
    // At most `wanted` threads, the caller being number 0.
    explicit Team(int wanted) : cores(wanted) {
        others.reserve(wanted - 1);
        try {
            while (size() < wanted) others.emplace_back([this, thread = size()] { follow(thread); });
        } catch (const std::exception&) {  // neither the system nor the memory has room for one more
        }
    }
    ~Team() { end(); }
    Team(const Team&) = delete;
    Team& operator=(const Team&) = delete;

    int size() const { return int(others.size()) + 1; }

    // Execute program(0) ... program(size() - 1) together, once; throw what was thrown first.
    void run(const std::function<void(int)>& program) {
        task = &program;
        cores.note(0);
        start();
        execute(0);
        end();
        if (thrown) std::rethrow_exception(thrown);
    }

    // The barrier: `thread` waits until all have come here.
    void wait(int thread) {
        if (!others.empty()) meet(thread);
    }

  private:
    struct Abandoned {};
    static constexpr int spins = 400;

    void meet(int thread) {
        cores.note(thread);
        const unsigned now = phase.load(std::memory_order_acquire);
        leave_if_abandoned();
        if (arrived.fetch_add(1, std::memory_order_acq_rel) + 1 == size()) {
            arrived.store(0, std::memory_order_relaxed);
            return next_phase();
        }
        for (int spin = 0; spin < spins; ++spin) {
            if (phase.load(std::memory_order_acquire) != now) return leave_if_abandoned();
            pause();
        }
        cores.step_aside(thread);
        phase.wait(now, std::memory_order_acquire);
        leave_if_abandoned();
    }
    void start() {
        started.store(true, std::memory_order_release);
        started.notify_all();
    }
    void end() {
        start();  // those that have nothing to do end too
        for (std::thread& other : others)
            if (other.joinable()) other.join();
    }
    void follow(int thread) {
        started.wait(false, std::memory_order_acquire);
        if (task) execute(thread);
    }
    void execute(int thread) {
        try {
            if (thread > 0) cores.step_aside(thread);
            (*task)(thread);
        } catch (const Abandoned&) {
        } catch (...) {
            if (!abandoned.exchange(true)) thrown = std::current_exception();
            next_phase();
        }
    }
    void next_phase() {
        phase.fetch_add(1, std::memory_order_release);
        phase.notify_all();
    }
    void leave_if_abandoned() const {
        if (abandoned.load(std::memory_order_acquire)) throw Abandoned{};
    }
    static void pause() {
#if defined(__x86_64__)
        __builtin_ia32_pause();
#elif defined(__aarch64__)
        asm volatile("yield");
#endif
    }

    Cores cores;
    std::vector<std::thread> others;
    const std::function<void(int)>* task = nullptr;
    std::atomic<bool> started{false}, abandoned{false};
    std::exception_ptr thrown;
    alignas(64) std::atomic<int> arrived{0};
    alignas(64) std::atomic<unsigned> phase{0};
};

// Deals out 0 ... n - 1 to whoever asks; which thread gets which number never changes a result.
class Dealer {
  public:
    void reset() { next.store(0, std::memory_order_relaxed); }
    int take() { return next.fetch_add(1, std::memory_order_relaxed); }

  private:
    alignas(64) std::atomic<int> next{0};
};

}  // namespace deltarule
