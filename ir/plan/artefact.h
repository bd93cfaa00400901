// The artefact: one .plim file that holds a plan, the code that it launches, and the weights that the model held
// inline. It is a zip64 archive of stored (uncompressed) members whose data are 64-byte aligned for mmap: `plan.pb`,
// `code/NAME.so` (or .ptx, .cubin), `weights.bin`; `unzip -l` and Python's zipfile read it.
//
// The form is canonical: from the members' names, sizes and checksums follows every byte of the headers, and the reader
// compares them all. So a file that any other program wrote, and a file with a flipped bit anywhere, is refused [P8].
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "ir/plan/plan.pb.h"
#include "ir/plan/validator.h"
#include "ir/weights/mapped_file.h"
#include "ir/weights/store.h"

namespace plimsoll::plan {

using weights::Bytes;

inline constexpr char kPlanMember[] = "plan.pb";
inline constexpr char kWeightsMember[] = "weights.bin";
inline constexpr int64_t kMemberAlignment = 64;

struct Member {
  std::string name;
  Bytes data;  // valid as long as the artefact; from a file: 64-byte aligned
  uint32_t crc32 = 0;
};

// A .plim that was read. Its members' bytes are those of the mapped file (or of the block of memory).
class Artefact {
 public:
  Artefact(Artefact&&) = default;
  Artefact& operator=(Artefact&&) = default;

  const Plan& plan() const { return plan_; }
  // The path it was read from, and the folder that external weights' paths are relative to; empty (the
  // current folder) if from memory.
  const std::string& path() const { return path_; }
  const std::string& directory() const { return directory_; }

  const std::map<std::string, Member>& members() const { return members_; }
  const Member* FindMember(const std::string& name) const;  // null: there is none
  MemberInfo member_info() const;                           // for Validate

  // The mapped file; null if from memory. Keeps the members' bytes alive without the artefact.
  const std::shared_ptr<const weights::MappedFile>& file() const { return file_; }
  // The block of memory it was read from; null if from a file.
  const std::shared_ptr<const std::string>& memory() const { return memory_; }

  // Whether the member's bytes match its CRC-32; kDataLoss otherwise. Only ReadOptions::defer_weights makes a need.
  absl::Status CheckMember(const std::string& name) const;

 private:
  friend class ArtefactReader;
  Artefact() = default;

  Plan plan_;
  std::string path_;
  std::string directory_;
  std::map<std::string, Member> members_;
  std::shared_ptr<const weights::MappedFile> file_;
  std::shared_ptr<const std::string> memory_;
};

struct ReadOptions {
  // weights.bin may hold many GiB, and checking it reads them all. With this, its CRC-32 is not checked: for commands
  // that look at the plan alone. Every other member is always checked before it is handed out [P8].
  bool defer_weights = false;
};

// Reads and maps a .plim. kNotFound, kPermissionDenied or kUnavailable where the file cannot be read; kDataLoss where
// it is not an artefact, truncated, damaged, or of another format version. Does not validate the plan: call
// Validate(artefact.plan(), artefact.member_info()).
absl::StatusOr<Artefact> ReadArtefact(const std::string& path, const ReadOptions& options = {});
absl::StatusOr<Artefact> ReadArtefactFromMemory(std::string bytes, const ReadOptions& options = {});

// The weights that the plan refers to, weight i at index i. External files are looked for in `weights_directory`, or,
// if that is empty, in the artefact's folder. A file that is missing gives an absent weight; one that is too short, or
// a path that leaves the folder, is kDataLoss.
absl::StatusOr<std::unique_ptr<weights::WeightStore>> OpenWeights(const Artefact& artefact,
                                                                  const std::string& weights_directory = "");

// Whether every weight is there and matches the checksum that the plan recorded [P6], [P8]. Reads all their bytes.
absl::Status CheckWeights(const Plan& plan, const weights::WeightStore& store);

// What a .plim is written from.
struct ArtefactContents {
  struct Code {
    std::string member;  // "code/kernels.so"
    std::string data;
  };
  // Bytes at an offset of weights.bin: 64-byte aligned, ascending, not overlapping. The bytes are written from where
  // they are (a mapped model file), never gathered in memory.
  struct InlineWeight {
    int64_t offset = 0;
    Bytes bytes;
  };

  Plan plan;
  std::vector<Code> code;
  std::vector<InlineWeight> weights;

  // Appends to weights.bin; returns the offset, for plan.weights(i).offset.
  int64_t AddWeight(Bytes bytes);
};

struct WriteOptions {
  // Waits until the bytes are on the disk. Not needed for a file that is read once and removed.
  bool sync = true;
};

// Writes a .plim: same contents, same bytes. Everything goes to a temporary file in the same folder, which is then
// renamed to `path` (a symbolic link there is followed); on any error (full disk...) it is removed, what `path` held
// before is untouched, and the status, one of a file that cannot be written, gives path and reason.
absl::Status WriteArtefact(const ArtefactContents& contents, const std::string& path, const WriteOptions& options = {});

// The same into memory, for tests and for running a model at once.
absl::StatusOr<std::string> WriteArtefactToMemory(const ArtefactContents& contents);

}  // namespace plimsoll::plan
