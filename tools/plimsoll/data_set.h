// Folders of inputs and expected outputs, in the layout of ONNX's own test data.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tools/plimsoll/tensor_file.h"

namespace plimsoll::cli {

// One set: input_J.pb (or NAME.npy). `name` is "test_data_set_K", or empty where the folder itself is the set.
struct DataSet {
  std::string name;
  std::string folder;
};

// The sets of a folder: its test_data_set_K subfolders in the order of K, or the folder itself. kNotFound if there is
// neither a set nor a tensor in it.
absl::StatusOr<std::vector<DataSet>> FindDataSets(const std::string& folder);

// A sequence or optional is the list of its tensors, NAME[0], NAME[1], ...; NAME[] says that there are none. The list's name, or
// `name` itself where it is no element's.
std::string ListName(const std::string& name);

// The tensors KIND_J.pb ("input", "output") of a set, by name: the tensor's own name, or, where that is empty or no name of
// `names`, the J-th of `names`; and NAME.npy for every name of `names`.
absl::StatusOr<std::map<std::string, Tensor>> ReadTensors(const std::string& folder, const std::string& kind,
                                                          const std::vector<std::string>& names);

}  // namespace plimsoll::cli
