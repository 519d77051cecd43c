// The Python module: turns arguments into a Run, picks the instruction set, releases the GIL, polls for
// Ctrl-C.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <optional>

#include "request.hpp"

namespace nb = nanobind;
using namespace deltarule;

namespace {

template <class T> using Matrix = nb::ndarray<const T, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
template <class T> using Vector = nb::ndarray<const T, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
template <class T> using Parameters = nb::ndarray<T, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

std::vector<std::string> instruction_sets() {  // best first
    std::vector<std::string> found;
#if defined(DELTARULE_X86)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl"))
        found.push_back("avx512");
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) found.push_back("avx2");
#endif
    found.push_back("baseline");
    return found;
}

template <class T> void execute(Run<T>& run, const std::string& instruction_set) {
#if defined(DELTARULE_X86)
    if (instruction_set == "avx512") return avx512::execute(run);
    if (instruction_set == "avx2") return avx2::execute(run);
#endif
    baseline::execute(run);
}

std::vector<double> doubles(const nb::dict& from, const char* key) {
    return nb::cast<std::vector<double>>(from[key]);
}
double number(const nb::dict& from, const char* key) { return nb::cast<double>(from[key]); }
int integer(const nb::dict& from, const char* key) { return nb::cast<int>(from[key]); }

// `spec` is made by engines/native/engine.py from a Job that it has checked. Returns (epochs done, steps
// taken, threads used, what a signal handler raised or None).
template <class T>
nb::tuple run(const nb::dict& spec, Matrix<T> X, Matrix<T> y, std::optional<Vector<T>> w,
              std::optional<Matrix<T>> offset, Parameters<T> theta, std::vector<Parameters<T>> slots,
              Vector<std::int64_t> own_order, std::vector<std::int64_t> own_ends) {
    Run<T> run;
    run.net.widths = nb::cast<std::vector<int>>(spec["widths"]);
    for (int activation : nb::cast<std::vector<int>>(spec["activations"]))
        run.net.activations.push_back(Activation(activation));
    run.net.bias = nb::cast<bool>(spec["bias"]);
    const auto l1 = doubles(spec, "l1"), l2 = doubles(spec, "l2");
    run.objective = {Loss(integer(spec, "loss")),
                     nb::cast<bool>(spec["mean"]),
                     {l1.at(0), l1.at(1)},
                     {l2.at(0), l2.at(1)}};
    run.optimizer = {Method(integer(spec, "method")), doubles(spec, "rates"), number(spec, "momentum"),
                     number(spec, "beta_1"),          number(spec, "beta_2"), number(spec, "epsilon")};
    run.rows = {std::ptrdiff_t(X.shape(0)), X.data(), y.data(), w ? w->data() : nullptr,
                offset ? offset->data() : nullptr};
    run.plan = {nb::cast<std::int64_t>(spec["n"]), nb::cast<std::int64_t>(spec["batch_size"]),
                nb::cast<bool>(spec["shuffle"]), integer(spec, "remainder"),
                nb::cast<std::uint64_t>(spec["seed"])};
    run.has_own = nb::cast<bool>(spec["has_own"]);
    run.own_order.assign(own_order.data(), own_order.data() + own_order.size());
    run.own_ends = std::move(own_ends);
    run.state = {
        theta.data(),
        {slots.size() > 0 ? slots[0].data() : nullptr, slots.size() > 1 ? slots[1].data() : nullptr}};
    run.first_epoch = nb::cast<std::uint64_t>(spec["first_epoch"]);
    run.epochs = integer(spec, "epochs");
    run.threads = integer(spec, "threads");
    run.t = number(spec, "t");
    run.record_steps = nb::cast<bool>(spec["record_steps"]);
    nb::object interrupt = nb::none();
    run.poll = [&] {
        nb::gil_scoped_acquire hold;
        if (PyErr_CheckSignals() != 0) {  // Python raises it again, once it has what was done
            const nb::python_error raised;
            interrupt = nb::borrow(raised.value());
        }
        return !interrupt.is_none();
    };
    const auto instruction_set = nb::cast<std::string>(spec["instruction_set"]);
    {
        nb::gil_scoped_release released;
        execute(run, instruction_set);
    }
    run.poll();  // a signal of the last moment would be raised before Python has what was done
    nb::list done;
    for (const EpochSums& sums : run.done)
        done.append(nb::make_tuple(sums.loss, sums.weight, sums.penalty, sums.step_losses));
    return nb::make_tuple(done, run.steps_taken, run.threads, interrupt);
}

}  // namespace

#if defined(_WIN32)
#define DELTARULE_EXPORTED __declspec(dllexport)
#else
#define DELTARULE_EXPORTED __attribute__((visibility("default")))
#endif

// By this symbol threadpoolctl knows the library (threads.py); its name alone says little.
extern "C" DELTARULE_EXPORTED int deltarule_native_engine() { return 1; }

NB_MODULE(_native, module) {
    module.doc() = "Whole epochs of training, compiled.";
    module.def("instruction_sets", &instruction_sets,
               "The instruction sets of this machine that the engine is compiled for, best first.");
    module.def("permutation", &permutation, nb::arg("n"), nb::arg("seed"), nb::arg("epoch"),
               "The row order of an epoch.");
    module.def("run", &run<float>, nb::arg("spec"), nb::arg("X").noconvert(), nb::arg("y").noconvert(),
               nb::arg("w").noconvert().none(), nb::arg("offset").noconvert().none(),
               nb::arg("theta").noconvert(), nb::arg("slots"), nb::arg("own_order"), nb::arg("own_ends"));
    module.def("run", &run<double>, nb::arg("spec"), nb::arg("X").noconvert(), nb::arg("y").noconvert(),
               nb::arg("w").noconvert().none(), nb::arg("offset").noconvert().none(),
               nb::arg("theta").noconvert(), nb::arg("slots"), nb::arg("own_order"), nb::arg("own_ends"));
}
