// The compiler's one public entry: model + target + budget -> plan.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "compiler/refusal.h"
#include "ir/plan/artefact.h"

namespace plimsoll::compiler {

// One step of long work, for a progress display. Called on the compiling thread.
struct Progress {
  std::string stage;     // "import", "fuse", "codegen", ...
  double fraction = 0;   // of the whole, in [0, 1]
};

struct Options {
  std::string target = "cpu";                             // cpu[:x86-64-v3|x86-64-v4|native], cuda[:sm_80]
  std::string gpu;                                        // a name of the catalogue: target, and budget unless one is given
  int threads = 0;                                        // 0: all cores that this process may use
  std::string precision = "f32";                          // what f32 tensors are computed in: f32, bf16, f16; tf32 on CUDA
  std::optional<int64_t> budget_bytes;                    // none: no limit
  std::map<std::string, std::vector<int64_t>> shapes;     // --shapes: by input name
  // Inputs whose value is fixed, as raw little-endian elements; they decide shapes (--values).
  std::map<std::string, std::string> values;
  // Values that may be fixed where they decide shapes, and only there (`run MODEL` gives its inputs).
  std::map<std::string, std::string> available_values;
  std::vector<std::string> disabled_passes;               // by name, for finding faults
  int streams = 4;                                        // CUDA: at most so many, where commands are independent
  bool kernels_only = false;                              // CUDA: no plan is made, only Compiled::cuda
  bool cuda_bitcode = false;                              // keep the LLVM modules, for the emulator
  bool keep_problems = false;                             // fills Compiled::problems
  std::function<void(const Progress&)> progress;          // may be null
};

// What the compiler says beside the plan. The plan itself holds peak, classes and timeline (its certificate).
struct Report {
  int64_t parameters = 0;            // elements of all weights
  double flops = 0;                  // of one run
  int64_t nodes = 0;                 // of the imported graph
  int64_t kernels = 0;               // generated
  int64_t library_calls = 0;
  int64_t host_calls = 0;
  std::map<std::string, double> seconds;   // by stage
  std::vector<std::string> warnings;
};

// The generated kernels of a CUDA plan.
struct CudaKernels {
  struct Kernel {
    std::string symbol;
    int64_t blocks = 0;
    int threads = 0;
    std::vector<std::string> skeletons;                    // of the parts of its grid: "map", "row", ...
    std::string tensor_type;                               // of tensor cores' products: "f16", ...; empty: none
    int blocks_of_multiprocessor = 0;                      // with tensor cores
    double repetition = 1;                                 // arithmetic for one of the operation's
    int64_t uses = 0;                                      // operations that share it
    int64_t work_bytes = 0;                                // read and written once by all of them
    int registers = 0;                                     // these four as ptxas says, where there is one
    int64_t spill_bytes = 0, stack_bytes = 0, shared_bytes = 0;
  };
  std::string arch;
  std::string ptx;
  std::string cubin;                                       // empty: `assembler_note` says why
  std::string assembler_note;
  std::vector<std::string> bitcode;
  std::vector<Kernel> kernels;
};

struct Compiled {
  plan::ArtefactContents artefact;   // ready to be written, or given to runtime::Program::Load
  std::shared_ptr<const void> keep_alive;   // owns the bytes that artefact.weights points to (mapped model, weight store)
  Report report;
  CudaKernels cuda;                         // for CUDA targets
  // The problems that the passes solved, as `plimsoll solve` reads them, by file name: ordering.json,
  // rematerialization.json, allocation.csv.
  std::map<std::string, std::string> problems;
};

// Errors: kInvalidArgument (an open dimension without --shapes, all named; a shape or value that contradicts the model),
// kUnimplemented (unsupported operators, all listed with their nodes), kResourceExhausted (does not fit; see Refusal),
// kDataLoss / kNotFound (the model or its files cannot be read), kInternal (a bug).
absl::StatusOr<Compiled> Compile(const std::string& model_path, const Options& options);

// `check`: imports only. A model whose shapes depend on values that are not given is summarized as far as it is declared.
struct CheckResult {
  struct Value { std::string name; std::string type; };   // "f32[1x3x224x224]", "?" for open dims
  std::vector<Value> inputs, outputs;
  std::vector<std::string> open_inputs;                    // inputs with open dims that --shapes should give
  std::vector<std::string> needed_values;                  // inputs that decide shapes, as far as the import came
  int64_t parameters = 0;
  int64_t weight_bytes = 0;
  int64_t nodes = 0;
  // Of one run; 0 where dims are open or values that decide shapes are missing.
  double flops = 0;
  int64_t input_output_bytes = 0;
  int64_t activation_bytes = 0;                            // most at one time, in the model's own order, unfused
  std::map<std::string, int64_t> operators;                // histogram of ONNX op types
};
absl::StatusOr<CheckResult> Check(const std::string& model_path, const Options& options);

}  // namespace plimsoll::compiler
