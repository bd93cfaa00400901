// The weights of one model: named references to bytes that lie in mapped files, in memory, or nowhere yet. What the
// elements mean (type, shape) is told by whoever refers to a weight; here they are bytes.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "ir/weights/mapped_file.h"

namespace plimsoll::weights {

// Adding is for one thread; everything const may be called from any number of them.
class WeightStore {
 public:
  enum class Location {
    kMapped,  // a range of a mapped file
    kMemory,  // a block of memory that the store keeps alive
    kAbsent,  // the bytes are not there; their length is known
  };

  // What a weight is, without its bytes.
  struct Reference {
    std::string name;
    int64_t length = 0;  // bytes
    Location location = Location::kAbsent;
    std::string file;    // relative path as the model gives it; empty where the bytes are in the model itself
    int64_t offset = 0;  // within the mapped file
  };

  WeightStore() = default;
  WeightStore(WeightStore&&) = default;
  WeightStore& operator=(WeightStore&&) = default;

  // A range of a file that is mapped already. kDataLoss, naming the tensor, where the file is too short.
  absl::StatusOr<int> AddMapped(const std::string& name, std::shared_ptr<const MappedFile> file, int64_t offset,
                                int64_t length, const std::string& relative_path = "");

  // A range of a file beside the model: opened as OpenWithin does, once for all weights in it. length < 0: to the end
  // of the file. A missing file gives an absent weight (kNotFound from bytes()) if the length is known; every other
  // trouble is an error here.
  absl::StatusOr<int> AddExternal(const std::string& name, const std::string& directory, const std::string& file,
                                  int64_t offset, int64_t length);

  // Bytes in memory: the store's own, or kept alive by `owner`.
  int AddOwned(const std::string& name, std::vector<std::byte> bytes);
  int AddView(const std::string& name, Bytes bytes, std::shared_ptr<const void> owner);

  // Known only by name and length; `reason` is what bytes() answers.
  int AddAbsent(const std::string& name, int64_t length, absl::Status reason);

  int size() const { return static_cast<int>(entries_.size()); }
  const Reference& reference(int index) const { return entries_[index].reference; }
  bool is_present(int index) const { return reference(index).location != Location::kAbsent; }

  // The bytes, valid as long as the store. kNotFound where they are absent, with the reason. The pointer has the
  // alignment of the file's offset, no more.
  absl::StatusOr<Bytes> bytes(int index) const;

  // CRC-32 of the bytes: computed by the first call (many GiB: seconds), remembered.
  absl::StatusOr<uint32_t> crc32(int index) const;

  // Gives the resident pages of a mapped weight back; nothing for others. Its bytes stay readable.
  void DontNeed(int index) const;

 private:
  struct Entry {
    Reference reference;
    Bytes bytes;
    std::shared_ptr<const MappedFile> file;       // kMapped
    std::shared_ptr<const void> owner;            // kMemory
    absl::Status absent;                          // kAbsent
    std::unique_ptr<std::atomic<int64_t>> crc32;  // -1: not known yet
  };

  int Add(Entry entry);

  std::vector<Entry> entries_;
  // By directory and path, as given.
  std::map<std::pair<std::string, std::string>, absl::StatusOr<std::shared_ptr<const MappedFile>>> files_;
};

}  // namespace plimsoll::weights
