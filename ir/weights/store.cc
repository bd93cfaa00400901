#include "ir/weights/store.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "ir/weights/checksum.h"
#include "ir/weights/external_file.h"

namespace plimsoll::weights {
namespace {

std::string What(const std::string& name) { return absl::StrCat("tensor '", name, "'"); }

}  // namespace

int WeightStore::Add(Entry entry) {
  entry.crc32 = std::make_unique<std::atomic<int64_t>>(-1);
  entries_.push_back(std::move(entry));
  return size() - 1;
}

absl::StatusOr<int> WeightStore::AddMapped(const std::string& name, std::shared_ptr<const MappedFile> file,
                                           int64_t offset, int64_t length, const std::string& relative_path) {
  const absl::StatusOr<Bytes> bytes = file->Range(offset, length);
  if (!bytes.ok()) {
    return absl::Status(bytes.status().code(), absl::StrCat(What(name), ": ", bytes.status().message()));
  }
  Entry entry;
  entry.reference = {name, length, Location::kMapped, relative_path, offset};
  entry.bytes = *bytes;
  entry.file = std::move(file);
  return Add(std::move(entry));
}

absl::StatusOr<int> WeightStore::AddExternal(const std::string& name, const std::string& directory,
                                             const std::string& file, int64_t offset, int64_t length) {
  auto known = files_.find({directory, file});
  if (known == files_.end()) {
    known = files_.try_emplace({directory, file}, OpenWithin(directory, file, What(name))).first;
  }
  if (!known->second.ok()) {
    if (known->second.status().code() != absl::StatusCode::kNotFound || length < 0) return known->second.status();
    const int index = AddAbsent(name, length, known->second.status());
    entries_[index].reference.file = file;
    entries_[index].reference.offset = offset;
    return index;
  }
  const auto& mapped = *known->second;
  if (length < 0 && offset >= 0 && offset <= mapped->size()) length = mapped->size() - offset;
  return AddMapped(name, mapped, offset, length, file);
}

int WeightStore::AddOwned(const std::string& name, std::vector<std::byte> bytes) {
  auto owner = std::make_shared<const std::vector<std::byte>>(std::move(bytes));
  return AddView(name, Bytes(owner->data(), owner->size()), owner);
}

int WeightStore::AddView(const std::string& name, Bytes bytes, std::shared_ptr<const void> owner) {
  Entry entry;
  entry.reference = {name, static_cast<int64_t>(bytes.size()), Location::kMemory, "", 0};
  entry.bytes = bytes;
  entry.owner = std::move(owner);
  return Add(std::move(entry));
}

int WeightStore::AddAbsent(const std::string& name, int64_t length, absl::Status reason) {
  Entry entry;
  entry.reference = {name, length, Location::kAbsent, "", 0};
  entry.absent = std::move(reason);
  return Add(std::move(entry));
}

absl::StatusOr<Bytes> WeightStore::bytes(int index) const {
  const Entry& entry = entries_[index];
  if (entry.reference.location != Location::kAbsent) return entry.bytes;
  const std::string reason(entry.absent.message());
  return absl::NotFoundError(absl::StrCat("the bytes of ", What(entry.reference.name),
                                          " are not there: ", reason.empty() ? "none were given" : reason));
}

absl::StatusOr<uint32_t> WeightStore::crc32(int index) const {
  const Entry& entry = entries_[index];
  const int64_t known = entry.crc32->load(std::memory_order_relaxed);
  if (known >= 0) return static_cast<uint32_t>(known);
  const absl::StatusOr<Bytes> data = bytes(index);
  if (!data.ok()) return data.status();
  // Two threads may both compute it: the result is the same.
  const uint32_t sum = Crc32(*data);
  entry.crc32->store(sum, std::memory_order_relaxed);
  return sum;
}

void WeightStore::DontNeed(int index) const {
  const Entry& entry = entries_[index];
  if (entry.reference.location == Location::kMapped) entry.file->DontNeed(entry.bytes);
}

}  // namespace plimsoll::weights
