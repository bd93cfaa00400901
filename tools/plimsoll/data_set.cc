#include "tools/plimsoll/data_set.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace plimsoll::cli {
namespace fs = std::filesystem;

absl::StatusOr<std::vector<DataSet>> FindDataSets(const std::string& folder) {
  std::error_code error;
  if (!fs::is_directory(folder, error)) return absl::NotFoundError(absl::StrCat(folder, ": no such folder"));
  std::vector<std::pair<int64_t, DataSet>> numbered;
  bool has_tensors = false;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    int64_t number = 0;
    if (entry.is_directory() && absl::StartsWith(name, "test_data_set_") &&
        absl::SimpleAtoi(name.substr(14), &number)) {
      numbered.push_back({number, {name, entry.path().string()}});
    }
    has_tensors |= entry.path().extension() == ".pb" || entry.path().extension() == ".npy";
  }
  if (error) return absl::UnavailableError(absl::StrCat(folder, ": ", error.message()));
  std::sort(numbered.begin(), numbered.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<DataSet> sets;
  for (auto& [number, set] : numbered) sets.push_back(std::move(set));
  if (sets.empty() && has_tensors) sets.push_back({"", folder});
  if (sets.empty()) {
    return absl::NotFoundError(
        absl::StrCat(folder, ": holds no test_data_set_K folder, no input_J.pb and no NAME.npy"));
  }
  return sets;
}

std::string ListName(const std::string& name) {
  const size_t open = name.rfind('[');
  if (open == std::string::npos || name.back() != ']') return name;
  const bool digits = name.find_first_not_of("0123456789", open + 1) == name.size() - 1;
  return digits ? name.substr(0, open) : name;
}

absl::StatusOr<std::map<std::string, Tensor>> ReadTensors(const std::string& folder, const std::string& kind,
                                                          const std::vector<std::string>& names) {
  std::map<std::string, Tensor> result;
  const std::set<std::string> known(names.begin(), names.end());
  std::vector<std::string> values;  // a list's elements as one
  for (const std::string& name : names) {
    if (values.empty() || values.back() != ListName(name)) values.push_back(ListName(name));
  }
  for (size_t j = 0;; ++j) {
    const std::string path = absl::StrCat(folder, "/", kind, "_", j, ".pb");
    if (!fs::exists(path)) break;
    absl::StatusOr<TensorList> list = ReadTensorList(path);
    if (!list.ok()) return list.status();
    if (!list->is_list) {
      Tensor& tensor = list->tensors.front();
      if (!known.count(tensor.name) && j < values.size()) tensor.name = values[j];
      const std::string name = tensor.name;
      result[name] = std::move(tensor);
      continue;
    }
    const bool is_known = std::find(values.begin(), values.end(), list->name) != values.end();
    const std::string name = is_known || j >= values.size() ? list->name : values[j];
    for (size_t i = 0; i < list->tensors.size(); ++i) {
      Tensor& tensor = list->tensors[i];
      tensor.name = absl::StrCat(name, "[", i, "]");
      result[tensor.name] = tensor;
    }
    if (list->tensors.empty()) result[name + "[]"].name = name + "[]";
  }
  for (const std::string& name : names) {
    const std::string path = absl::StrCat(folder, "/", name, ".npy");
    if (result.count(name) || name.find('/') != std::string::npos || !fs::exists(path)) continue;
    absl::StatusOr<Tensor> tensor = ReadTensor(path);
    if (!tensor.ok()) return tensor.status();
    tensor->name = name;
    result[name] = *std::move(tensor);
  }
  return result;
}

}  // namespace plimsoll::cli
