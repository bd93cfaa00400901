// --inputs: a folder of data sets, one set, or NAME=FILE pairs.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tools/plimsoll/data_set.h"
#include "tools/plimsoll/execution.h"

namespace plimsoll::cli {

class InputSource {
 public:
  // `arguments`: what --inputs was given, perhaps nothing (then there is one empty set).
  static absl::StatusOr<InputSource> Create(const std::vector<std::string>& arguments);

  const std::vector<DataSet>& sets() const { return sets_; }
  // The tensors of a set; `names`: the inputs of the signature in order, empty if not known yet.
  absl::StatusOr<Tensors> Read(const DataSet& set, const std::vector<std::string>& names) const;

 private:
  std::vector<DataSet> sets_;
  Tensors named_;
};

}  // namespace plimsoll::cli
