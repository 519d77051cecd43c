// The engine for one instruction set; CMake compiles this file once for each, with its flags and its name.
#include "answer.hpp"
#include "run.hpp"

namespace deltarule::DELTARULE_ISA {

void execute(Run<float>& run) { run_epochs<float>(run); }
void execute(Run<double>& run) { run_epochs<double>(run); }
void execute(Question<float>& question) { answer_question<float>(question); }
void execute(Question<double>& question) { answer_question<double>(question); }

}  // namespace deltarule::DELTARULE_ISA
