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

}  // namespace plimsoll::cli
