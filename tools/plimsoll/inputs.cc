#include "tools/plimsoll/inputs.h"

#include "absl/strings/str_cat.h"

namespace plimsoll::cli {

absl::StatusOr<InputSource> InputSource::Create(const std::vector<std::string>& arguments) {
  InputSource source;
  for (const std::string& argument : arguments) {
    const size_t equals = argument.rfind('=');
    if (equals == std::string::npos) {
      auto sets = FindDataSets(argument);
      if (!sets.ok()) return sets.status();
      source.sets_.insert(source.sets_.end(), sets->begin(), sets->end());
      continue;
    }
    auto tensor = ReadTensor(argument.substr(equals + 1));
    if (!tensor.ok()) return tensor.status();
    tensor->name = argument.substr(0, equals);
    source.named_[tensor->name] = *std::move(tensor);
  }
  if (source.sets_.empty()) source.sets_.push_back({});
  return source;
}

absl::StatusOr<Tensors> InputSource::Read(const DataSet& set, const std::vector<std::string>& names) const {
  Tensors tensors = named_;
  if (set.folder.empty()) return tensors;
  auto read = ReadTensors(set.folder, "input", names);
  if (!read.ok()) return read.status();
  tensors.merge(*read);
  return tensors;
}

absl::Status TakeFromInputs(const std::vector<std::string>& arguments, const std::string& model,
                            const compiler::Plugin& compiler, compiler::Options& options) {
  if (arguments.empty()) return absl::OkStatus();
  auto source = InputSource::Create(arguments);
  if (!source.ok()) return source.status();
  auto check = compiler.check(model, {});
  if (!check.ok()) return check.status();
  std::vector<std::string> names;
  for (const auto& input : check->inputs) names.push_back(input.name);
  auto inputs = source->Read(source->sets().front(), names);
  if (!inputs.ok()) return inputs.status();
  for (const auto& [name, tensor] : *inputs) {
    options.shapes.try_emplace(name, std::vector<int64_t>(tensor.type.dims().begin(), tensor.type.dims().end()));
    options.available_values.try_emplace(name, tensor.bytes);
  }
  return absl::OkStatus();
}

}  // namespace plimsoll::cli
