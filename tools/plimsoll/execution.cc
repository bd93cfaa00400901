#include "tools/plimsoll/execution.h"

#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "ir/plan/artefact.h"
#include "ir/plan/types.h"

namespace plimsoll::cli {
namespace {

// A folder of its own for one plan, removed at the end of the scope: a loaded program keeps the file mapped.
class TemporaryPlan {
 public:
  TemporaryPlan() {
    const char* parent = std::getenv("TMPDIR");
    folder_ = absl::StrCat(parent != nullptr ? parent : "/tmp", "/plimsoll-XXXXXX");
    made_ = mkdtemp(folder_.data()) != nullptr;
  }
  ~TemporaryPlan() {
    if (!made_) return;
    unlink(path().c_str());
    rmdir(folder_.c_str());
  }
  TemporaryPlan(const TemporaryPlan&) = delete;
  std::string path() const { return folder_ + "/model.plim"; }

 private:
  std::string folder_;
  bool made_ = false;
};

}  // namespace

absl::StatusOr<bool> IsPlan(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  char magic[4] = {};
  if (!stream) return absl::NotFoundError(absl::StrCat(path, ": cannot be opened: ", std::strerror(errno)));
  stream.read(magic, 4);
  return stream.gcount() == 4 && std::memcmp(magic, "PK\3\4", 4) == 0;
}

absl::StatusOr<CompiledProgram> CompileAndLoad(const compiler::Plugin& compiler, const std::string& model,
                                               compiler::Options options, const Tensors& inputs) {
  for (const auto& [name, tensor] : inputs) {
    options.shapes.try_emplace(name, std::vector<int64_t>(tensor.type.dims().begin(), tensor.type.dims().end()));
    options.available_values.try_emplace(name, tensor.bytes);
  }
  absl::StatusOr<compiler::Compiled> compiled = compiler.compile(model, options);
  if (!compiled.ok()) return compiled.status();
  CompiledProgram result;
  result.report = compiled->report;
  TemporaryPlan file;
  if (absl::Status status = plan::WriteArtefact(compiled->artefact, file.path(), {.sync = false}); !status.ok())
    return status;
  compiled->keep_alive.reset();
  runtime::LoadOptions load;
  load.verify_weights = false;  // written a moment ago
  load.weights_directory = std::filesystem::absolute(model).parent_path().string();
  auto program = runtime::Program::Load(file.path(), load);
  if (!program.ok()) return program.status();
  result.program = *std::move(program);
  return result;
}

absl::Status Bind(runtime::Session& session, const Tensors& inputs) {
  const plan::Signature& signature = session.signature();
  std::vector<std::string> missing;
  for (int i = 0; i < signature.inputs_size(); ++i) {
    const plan::Binding& binding = signature.inputs(i);
    auto found = inputs.find(binding.name());
    if (found == inputs.end()) {
      if (!binding.fixed()) missing.push_back(absl::StrCat(binding.name(), " ", plan::ToString(binding.type())));
      continue;
    }
    const Tensor& tensor = found->second;
    if (tensor.onnx_element != 0 && binding.onnx_element() != 0 && tensor.onnx_element != binding.onnx_element()) {
      return absl::InvalidArgumentError(absl::StrCat("input '", binding.name(), "' has elements of ONNX's type ",
                                                     tensor.onnx_element, ", the plan expects ",
                                                     binding.onnx_element()));
    }
    if (tensor.type.dtype() != binding.type().dtype()) {
      return absl::InvalidArgumentError(absl::StrCat("input '", binding.name(), "' is ", plan::ToString(tensor.type),
                                                     ", the plan expects ", plan::ToString(binding.type())));
    }
    const std::vector<int64_t> dims(tensor.type.dims().begin(), tensor.type.dims().end());
    if (absl::Status status = session.BindInput(i, tensor.bytes.data(), tensor.bytes.size(), dims); !status.ok())
      return status;
  }
  if (!missing.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("no value for ", absl::StrJoin(missing, ", "),
                     ": give --inputs=DIR with input_J.pb or NAME.npy, or --inputs=NAME=FILE"));
  }
  return absl::OkStatus();
}

absl::StatusOr<Tensors> RunOnce(runtime::Session& session, const Tensors& inputs) {
  if (absl::Status status = Bind(session, inputs); !status.ok()) return status;
  if (absl::Status status = session.Run(); !status.ok()) return status;
  Tensors outputs;
  for (int i = 0; i < session.signature().outputs_size(); ++i) {
    auto view = session.output(i);
    if (!view.ok()) return view.status();
    Tensor tensor;
    tensor.name = session.signature().outputs(i).name();
    tensor.type.set_dtype(view->dtype);
    tensor.onnx_element = session.signature().outputs(i).onnx_element();
    for (int64_t dim : view->dims) tensor.type.add_dims(dim);
    tensor.bytes.assign(reinterpret_cast<const char*>(view->data), view->bytes);
    outputs[tensor.name] = std::move(tensor);
  }
  return outputs;
}

std::vector<std::string> InputNames(const plan::Plan& plan) {
  std::vector<std::string> names;
  for (const auto& binding : plan.signature().inputs()) names.push_back(binding.name());
  return names;
}

std::vector<std::string> OutputNames(const plan::Plan& plan) {
  std::vector<std::string> names;
  for (const auto& binding : plan.signature().outputs()) names.push_back(binding.name());
  return names;
}

}  // namespace plimsoll::cli
