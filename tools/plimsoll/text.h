// Sizes and shapes as people write and read them.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace plimsoll::cli {

// "512M", "6GiB", "1.5g", "1048576": bytes, base 2. kInvalidArgument otherwise, or beyond 2^62.
absl::StatusOr<int64_t> ParseBytes(const std::string& text);

// "1.50 GiB", "312 B".
std::string FormatBytes(int64_t bytes);
// "1.23 ms", "4.5 s".
std::string FormatSeconds(double seconds);
// "25.6 M", "4.1 G".
std::string FormatCount(double count);

// "x:1x3x224x224": the last colon separates, nothing after it is a scalar. kInvalidArgument otherwise.
absl::StatusOr<std::pair<std::string, std::vector<int64_t>>> ParseShape(const std::string& text);

}  // namespace plimsoll::cli
