// Running a plan, or a model compiled on the spot, on tensors by name.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "compiler/compile.h"
#include "compiler/plugin.h"
#include "runtime/session.h"
#include "tools/plimsoll/tensor_file.h"

namespace plimsoll::cli {

using Tensors = std::map<std::string, Tensor>;

// Whether the file is a plan (a zip archive) and no model. kNotFound if it cannot be opened.
absl::StatusOr<bool> IsPlan(const std::string& path);

struct CompiledProgram {
  std::shared_ptr<const runtime::Program> program;
  compiler::Report report;
};

// Compiles a model and loads the plan without leaving a file behind. `inputs` give open dimensions their sizes, and inputs that
// decide shapes their values; what `options` says comes first.
absl::StatusOr<CompiledProgram> CompileAndLoad(const compiler::Plugin& compiler, const std::string& model, compiler::Options options,
                                               const Tensors& inputs);

// Binds `inputs` by name, runs, and copies the outputs. Every input of the signature must be given, except fixed ones;
// kInvalidArgument names what is missing, unknown, or of another type or shape.
absl::StatusOr<Tensors> RunOnce(runtime::Session& session, const Tensors& inputs);
// The first half of it: checks and binds. The tensors must outlive the runs.
absl::Status Bind(runtime::Session& session, const Tensors& inputs);

std::vector<std::string> InputNames(const plan::Plan& plan);
std::vector<std::string> OutputNames(const plan::Plan& plan);

}  // namespace plimsoll::cli
