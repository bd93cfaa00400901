#include "absl/strings/str_cat.h"
#include "ir/plan/artefact.h"
#include "ir/plan/types.h"

namespace plimsoll::plan {

absl::StatusOr<std::unique_ptr<weights::WeightStore>> OpenWeights(const Artefact& artefact,
                                                                  const std::string& weights_directory) {
  auto store = std::make_unique<weights::WeightStore>();
  const Member* inline_weights = artefact.FindMember(kWeightsMember);
  const std::string& directory = weights_directory.empty() ? artefact.directory() : weights_directory;
  for (const Weight& weight : artefact.plan().weights()) {
    if (weight.offset() < 0 || weight.length() < 0) {
      return absl::DataLossError(absl::StrCat("[P6] weight '", weight.name(), "' has a negative offset or length"));
    }
    if (!weight.file().empty()) {
      const auto index = store->AddExternal(weight.name(), directory, weight.file(), weight.offset(), weight.length());
      if (!index.ok()) return index.status();
      continue;
    }
    const int64_t size = inline_weights == nullptr ? 0 : static_cast<int64_t>(inline_weights->data.size());
    if (weight.offset() > size || weight.length() > size - weight.offset()) {
      return absl::DataLossError(absl::StrCat("[P6] weight '", weight.name(), "' lies in bytes ", weight.offset(),
                                              " + ", weight.length(), " of ", kWeightsMember, ", which holds ", size));
    }
    const Bytes bytes = size == 0 ? Bytes() : inline_weights->data.subspan(weight.offset(), weight.length());
    if (artefact.file() == nullptr || bytes.empty()) {
      store->AddView(weight.name(), bytes, artefact.memory());
    } else {
      const auto index = store->AddMapped(weight.name(), artefact.file(),
                                          bytes.data() - artefact.file()->bytes().data(), weight.length());
      if (!index.ok()) return index.status();
    }
  }
  return store;
}

absl::Status CheckWeights(const Plan& plan, const weights::WeightStore& store) {
  if (store.size() != plan.weights_size()) {
    return absl::InternalError(
        absl::StrCat("the store holds ", store.size(), " weights, the plan ", plan.weights_size()));
  }
  for (int i = 0; i < plan.weights_size(); ++i) {
    const Weight& weight = plan.weights(i);
    const auto sum = store.crc32(i);
    if (!sum.ok()) return sum.status();
    if (weight.has_crc32() && *sum != weight.crc32()) {
      return absl::DataLossError(absl::StrCat(
          "weight '", weight.name(), "' in ", weight.file().empty() ? kWeightsMember : weight.file(), " has CRC-32 ",
          absl::Hex(*sum, absl::kZeroPad8), " where the plan was made for ", absl::Hex(weight.crc32(), absl::kZeroPad8),
          ". The file is damaged, or not the one that the model was compiled with; compile it again"));
    }
    // The checksum went through every page of the weight.
    store.DontNeed(i);
  }
  return absl::OkStatus();
}

}  // namespace plimsoll::plan
