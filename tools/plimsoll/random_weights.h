// Weights for plans whose weights are not there: for timing, where the numbers do not matter.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "ir/plan/plan.pb.h"

namespace plimsoll::cli {

// A folder of its own with the external weight files of a plan, filled with random numbers: floats of deviation 0.02 (as
// transformers are initialized), integers 0 or 1. Removed at the end of its life. A program that maps them must end first.
class RandomWeights {
 public:
  // kUnavailable where the files cannot be written; kInvalidArgument where the plan's weights are its own.
  static absl::StatusOr<RandomWeights> Create(const plan::Plan& plan);
  RandomWeights(RandomWeights&& other) noexcept : folder_(std::move(other.folder_)) { other.folder_.clear(); }
  RandomWeights& operator=(RandomWeights&&) = delete;
  ~RandomWeights();

  const std::string& folder() const { return folder_; }

 private:
  explicit RandomWeights(std::string folder) : folder_(std::move(folder)) {}

  std::string folder_;
};

}  // namespace plimsoll::cli
