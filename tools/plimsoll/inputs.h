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

// The first set that `arguments` name gives open dimensions their sizes, and inputs that decide shapes their values; what
// `options` says comes first. Nothing where there are no arguments.
absl::Status TakeFromInputs(const std::vector<std::string>& arguments, const std::string& model,
                            const compiler::Plugin& compiler, compiler::Options& options);

}  // namespace plimsoll::cli
