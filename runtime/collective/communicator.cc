#include "runtime/collective/communicator.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace plimsoll::runtime::collective {

absl::StatusOr<int> PlaceOf(absl::Span<const int> ranks, int part_size, int rank, int size) {
  const int place = static_cast<int>(std::find(ranks.begin(), ranks.end(), rank) - ranks.begin());
  if (static_cast<int>(ranks.size()) == size && part_size >= 1 && size % part_size == 0 && place < size) return place;
  return absl::InvalidArgumentError(
      absl::StrCat("a split of ", size, " ranks names ", ranks.size(), " in parts of ", part_size));
}

}  // namespace plimsoll::runtime::collective
