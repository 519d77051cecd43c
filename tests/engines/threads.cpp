// The threads of the native engine without the engine: what they do when one throws, or cannot be started.
#include "threads.hpp"

#include <dlfcn.h>
#include <pthread.h>
#include <sched.h>

#include <cerrno>
#include <cstdio>
#include <new>
#include <stdexcept>

using deltarule::Team;

namespace {

int can_start = 1'000'000;  // how many threads the system has left

void require(bool holds, const char* what) {
    if (holds) return;
    std::printf("not so: %s\n", what);
    std::exit(1);
}

// All threads write, meet, and read what the others have written.
void meet(int wanted, int expected) {
    Team team(wanted);
    require(team.size() == expected, "the team knows its size");
    std::vector<int> written(team.size(), -1);
    std::atomic<int> right{0};
    team.run([&](int thread) {
        for (int round = 0; round < 2'000; ++round) {
            written[thread] = round;
            team.wait(thread);
            for (const int value : written) right += value == round;
            team.wait(thread);
        }
    });
    require(right == 2'000 * expected * expected, "the barrier keeps threads in step");
}

// Some threads throw on their way; the others wait for them, without end if nobody told them.
template <class Thrown> void abandon(int wanted, int first, int last, int rounds) {
    Team team(wanted);
    bool caught = false;
    try {
        team.run([&](int thread) {
            for (int round = 0;; ++round) {
                if (round == rounds && first <= thread && thread <= last) throw Thrown();
                team.wait(thread);
            }
        });
    } catch (const Thrown&) {
        caught = true;
    }
    require(caught, "what was thrown comes out");
}

// Two threads on one core: the one that notices goes to another, and stays as free to move as it was.
void step_aside() {
    cpu_set_t before, after;
    sched_getaffinity(0, sizeof before, &before);
    bool moved = CPU_COUNT(&before) == 1;
    for (int attempt = 0; attempt < 1'000 && !moved; ++attempt) {
        deltarule::Cores cores(2);
        cores.note(1);  // this thread plays both
        const int here = sched_getcpu();
        cores.step_aside(0);
        moved = sched_getcpu() != here;
    }
    require(moved, "a thread steps aside");
    sched_getaffinity(0, sizeof after, &after);
    require(CPU_EQUAL(&before, &after), "no thread is bound to a core");
}

struct Failure : std::runtime_error {
    Failure() : std::runtime_error("on purpose") {}
};

}  // namespace

extern "C" int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*start)(void*),
                              void* argument) {
    if (can_start-- <= 0) return EAGAIN;
    const auto create = reinterpret_cast<decltype(&pthread_create)>(dlsym(RTLD_NEXT, "pthread_create"));
    return create(thread, attributes, start, argument);
}

int main() {
    step_aside();
    for (const int threads : {1, 2, 3, 8}) meet(threads, threads);
    for (int repeat = 0; repeat < 50; ++repeat)
        for (const int rounds : {0, 1, 20}) {
            abandon<std::bad_alloc>(1, 0, 0, rounds);
            abandon<std::bad_alloc>(4, 2, 2, rounds);
            abandon<Failure>(4, 0, 0, rounds);
            abandon<Failure>(4, 0, 3, rounds);
        }
    {
        const Team never_run(3);
    }
    for (const int left : {0, 1, 5}) can_start = left, meet(8, left + 1);
    can_start = 2;
    abandon<Failure>(8, 1, 1, 3);
    std::printf("held\n");
}
