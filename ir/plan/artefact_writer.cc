#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <functional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "google/protobuf/stubs/logging.h"
#include "ir/plan/artefact.h"
#include "ir/plan/stored_zip.h"
#include "ir/weights/checksum.h"

namespace plimsoll::plan {
namespace {

Bytes AsBytes(const std::string& text) { return {reinterpret_cast<const std::byte*>(text.data()), text.size()}; }

// Protobuf maps are written in the order of their keys, so that equal plans give equal bytes.
absl::StatusOr<std::string> Serialize(const Plan& plan) {
  google::protobuf::LogSilencer silencer;
  std::string bytes;
  google::protobuf::io::StringOutputStream stream(&bytes);
  google::protobuf::io::CodedOutputStream coded(&stream);
  coded.SetSerializationDeterministic(true);
  if (plan.ByteSizeLong() >= size_t{1} << 31 || !plan.SerializeToCodedStream(&coded)) {
    return absl::InternalError("the plan is larger than 2 GiB, which its format cannot hold");
  }
  coded.Trim();
  if (!Plan().ParseFromString(bytes)) {
    return absl::InternalError("the plan would not be readable: a name in it is not UTF-8, or it nests too deep");
  }
  return bytes;
}

// A member: its pieces in order, at offsets of the member, zeros between them.
struct Source {
  std::string name;
  std::vector<ArtefactContents::InlineWeight> pieces;
  int64_t size = 0;
};

absl::StatusOr<Source> WeightsSource(const std::vector<ArtefactContents::InlineWeight>& weights) {
  Source source{kWeightsMember, weights, 0};
  for (const auto& weight : weights) {
    if (weight.offset < source.size || weight.offset % kMemberAlignment != 0) {
      return absl::InternalError(absl::StrCat("a weight at offset ", weight.offset, " of ", kWeightsMember,
                                              " overlaps the one before, or is not 64-byte aligned"));
    }
    source.size = weight.offset + static_cast<int64_t>(weight.bytes.size());
  }
  return source;
}

using WriteAt = std::function<absl::Status(uint64_t offset, Bytes bytes)>;

// Writes everything through `write`. The headers come last: they hold checksums that are known when the data went by.
absl::Status WriteAll(const ArtefactContents& contents, const WriteAt& write) {
  const absl::StatusOr<std::string> plan = Serialize(contents.plan);
  if (!plan.ok()) return plan.status();
  std::vector<Source> sources;
  sources.push_back({kPlanMember, {{0, AsBytes(*plan)}}, static_cast<int64_t>(plan->size())});
  for (const auto& code : contents.code) {
    sources.push_back({code.member, {{0, AsBytes(code.data)}}, static_cast<int64_t>(code.data.size())});
  }
  if (!contents.weights.empty()) {
    absl::StatusOr<Source> weights = WeightsSource(contents.weights);
    if (!weights.ok()) return weights.status();
    sources.push_back(*std::move(weights));
  }

  std::vector<ZipEntry> entries;
  for (const Source& source : sources) {
    if (source.name.empty() || source.name.size() > 255) {
      return absl::InternalError(absl::StrCat("member name '", source.name, "' must have 1 to 255 bytes"));
    }
    entries.push_back({source.name, static_cast<uint64_t>(source.size), 0});
  }
  const ZipLayout layout = LayOut(entries);
  for (size_t i = 0; i < sources.size(); ++i) {
    constexpr size_t kChunk =
        size_t{64} << 20;  // written while its checksum has it in the cache, or at least in memory
    static constexpr std::byte kZeros[kMemberAlignment] = {};
    uint64_t at = 0;
    const auto append = [&](Bytes bytes) {
      entries[i].crc32 = weights::Crc32(bytes, entries[i].crc32);
      absl::Status status = write(layout.parts[i].data_offset + at, bytes);
      at += bytes.size();
      return status;
    };
    for (const auto& piece : sources[i].pieces) {
      while (at < static_cast<uint64_t>(piece.offset)) {
        const size_t gap = std::min<uint64_t>(sizeof(kZeros), piece.offset - at);
        if (absl::Status status = append(Bytes(kZeros, gap)); !status.ok()) return status;
      }
      for (size_t begin = 0; begin < piece.bytes.size(); begin += kChunk) {
        const Bytes chunk = piece.bytes.subspan(begin, std::min(kChunk, piece.bytes.size() - begin));
        if (absl::Status status = append(chunk); !status.ok()) return status;
      }
    }
  }
  const ZipLayout final_layout = LayOut(entries);
  for (const ZipLayout::Part& part : final_layout.parts) {
    if (absl::Status status = write(part.offset, AsBytes(part.header)); !status.ok()) return status;
  }
  return write(final_layout.trailer_offset, AsBytes(final_layout.trailer));
}

// A new file that vanishes unless it is kept.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& folder) : folder_(folder) {}
  ~TemporaryFile() {
    if (file_ >= 0) close(file_);
    if (!path_.empty()) unlink(path_.c_str());
  }

  absl::Status Create() {
    static std::atomic<uint64_t> counter = 0;
    for (;;) {
      path_ = absl::StrCat(folder_, "/.plimsoll-", getpid(), "-", counter++, ".tmp");
      file_ = open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
      if (file_ >= 0) return absl::OkStatus();
      const int error = errno;
      path_.clear();
      if (error != EEXIST) return weights::FileError(error, "create a file in", folder_);
    }
  }

  // 0, or the errno.
  int Write(uint64_t offset, Bytes bytes) {
    while (!bytes.empty()) {
      const ssize_t count = pwrite(file_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return errno;
      offset += static_cast<uint64_t>(count);
      bytes = bytes.subspan(static_cast<size_t>(count));
    }
    return 0;
  }

  // Syncs if asked, closes and renames. 0, or the errno.
  int Keep(const std::string& path, bool sync) {
    if (sync && fsync(file_) != 0) return errno;
    const int file = std::exchange(file_, -1);
    if (close(file) != 0) return errno;
    if (rename(path_.c_str(), path.c_str()) != 0) return errno;
    path_.clear();
    if (!sync) return 0;
    // The rename itself reaches the disk with the folder. Not every file system can sync one: best effort.
    const int folder = open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder >= 0) {
      fsync(folder);
      close(folder);
    }
    return 0;
  }

 private:
  std::string folder_;
  std::string path_;
  int file_ = -1;
};

}  // namespace

int64_t ArtefactContents::AddWeight(Bytes bytes) {
  int64_t offset = 0;
  if (!weights.empty()) {
    const int64_t end = weights.back().offset + static_cast<int64_t>(weights.back().bytes.size());
    offset = (end + kMemberAlignment - 1) / kMemberAlignment * kMemberAlignment;
  }
  weights.push_back({offset, bytes});
  return offset;
}

absl::Status WriteArtefact(const ArtefactContents& contents, const std::string& path, const WriteOptions& options) {
  std::string target = path;
  struct stat status;
  if (lstat(path.c_str(), &status) == 0 && S_ISLNK(status.st_mode)) {
    // Written through a link, as with open(): the link stays.
    char* resolved = realpath(path.c_str(), nullptr);
    if (resolved == nullptr) return weights::FileError(errno, "write", path);
    target = resolved;
    free(resolved);
  }
  if (stat(target.c_str(), &status) == 0 && !S_ISREG(status.st_mode)) {
    return absl::UnavailableError(absl::StrCat("cannot write ", path, ": it is there and not a regular file"));
  }
  const size_t slash = target.rfind('/');
  TemporaryFile file(slash == std::string::npos ? "." : slash == 0 ? "/" : target.substr(0, slash));
  if (absl::Status created = file.Create(); !created.ok()) {
    return absl::Status(created.code(), absl::StrCat("cannot write ", path, ": ", created.message()));
  }
  const absl::Status written = WriteAll(contents, [&](uint64_t offset, Bytes bytes) {
    const int error = file.Write(offset, bytes);
    return error == 0 ? absl::OkStatus() : weights::FileError(error, "write", path);
  });
  if (!written.ok()) return written;
  const int error = file.Keep(target, options.sync);
  return error == 0 ? absl::OkStatus() : weights::FileError(error, "write", path);
}

absl::StatusOr<std::string> WriteArtefactToMemory(const ArtefactContents& contents) {
  std::string file;
  const absl::Status status = WriteAll(contents, [&](uint64_t offset, Bytes bytes) {
    if (file.size() < offset + bytes.size()) file.resize(offset + bytes.size());
    std::copy(bytes.begin(), bytes.end(), reinterpret_cast<std::byte*>(file.data()) + offset);
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return file;
}

}  // namespace plimsoll::plan
