#include <limits>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/stubs/logging.h"
#include "ir/plan/artefact.h"
#include "ir/plan/stored_zip.h"
#include "ir/weights/checksum.h"

namespace plimsoll::plan {
namespace {

absl::Status Damaged(const std::string& path, const std::string& found) {
  return absl::DataLossError(absl::StrCat("cannot read ", path.empty() ? "the artefact" : path, ": ", found));
}

absl::Status CheckChecksum(const Member& member, const std::string& path) {
  const uint32_t sum = weights::Crc32(member.data);
  if (sum == member.crc32) return absl::OkStatus();
  return Damaged(path, absl::StrCat("[P8] member ", member.name, " has CRC-32 ", absl::Hex(sum, absl::kZeroPad8),
                                    " where ", absl::Hex(member.crc32, absl::kZeroPad8),
                                    " was written. The file is damaged; copy it again, or compile the model again"));
}

}  // namespace

class ArtefactReader {
 public:
  // Fills members and plan of `artefact`, whose path is set already.
  static absl::Status Read(Bytes bytes, const ReadOptions& options, Artefact& artefact) {
    const std::string& path = artefact.path_;
    const absl::StatusOr<std::vector<ZipEntry>> entries = ReadEntries(bytes);
    if (!entries.ok()) return Damaged(path, std::string(entries.status().message()));
    const ZipLayout layout = LayOut(*entries);
    for (size_t i = 0; i < entries->size(); ++i) {
      const ZipEntry& entry = (*entries)[i];
      Member member{entry.name, bytes.subspan(layout.parts[i].data_offset, entry.size), entry.crc32};
      if (!options.defer_weights || entry.name != kWeightsMember) {
        if (absl::Status status = CheckChecksum(member, path); !status.ok()) return status;
      }
      if (!artefact.members_.try_emplace(entry.name, std::move(member)).second) {
        return Damaged(path, absl::StrCat("two members have the name '", absl::CHexEscape(entry.name), "'"));
      }
    }
    return ReadPlan(artefact);
  }

  static absl::StatusOr<Artefact> FromFile(const std::string& path, const ReadOptions& options) {
    auto file = weights::MappedFile::Open(path);
    if (!file.ok()) return file.status();
    Artefact artefact;
    artefact.path_ = path;
    const size_t slash = path.rfind('/');
    artefact.directory_ = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
    artefact.file_ = *std::move(file);
    if (absl::Status status = Read(artefact.file_->bytes(), options, artefact); !status.ok()) return status;
    return artefact;
  }

  static absl::StatusOr<Artefact> FromMemory(std::string bytes, const ReadOptions& options) {
    Artefact artefact;
    artefact.memory_ = std::make_shared<const std::string>(std::move(bytes));
    const auto* data = reinterpret_cast<const std::byte*>(artefact.memory_->data());
    if (absl::Status status = Read(Bytes(data, artefact.memory_->size()), options, artefact); !status.ok()) {
      return status;
    }
    return artefact;
  }

 private:
  static absl::Status ReadPlan(Artefact& artefact) {
    const std::string& path = artefact.path_;
    const Member* member = artefact.FindMember(kPlanMember);
    if (member == nullptr) return Damaged(path, absl::StrCat("member ", kPlanMember, " is missing"));
    if (member->data.size() > static_cast<size_t>(std::numeric_limits<int>::max())) {
      return Damaged(path, absl::StrCat("member ", kPlanMember, " holds more than 2 GiB"));
    }
    // The message below says it; the library's own would go to the standard error output beside it.
    google::protobuf::LogSilencer silencer;
    if (!artefact.plan_.ParseFromArray(member->data.data(), static_cast<int>(member->data.size()))) {
      return Damaged(path, absl::StrCat("member ", kPlanMember, " is not a plan; compile the model again"));
    }
    if (artefact.plan_.version() != FORMAT_VERSION_CURRENT) {
      return Damaged(
          path, absl::StrCat("its format is version ", artefact.plan_.version(), "; this program reads version ",
                             static_cast<int>(FORMAT_VERSION_CURRENT), ". Compile the model again with this version"));
    }
    return absl::OkStatus();
  }
};

const Member* Artefact::FindMember(const std::string& name) const {
  const auto found = members_.find(name);
  return found == members_.end() ? nullptr : &found->second;
}

MemberInfo Artefact::member_info() const {
  MemberInfo info;
  for (const auto& [name, member] : members_) info.sizes[name] = static_cast<int64_t>(member.data.size());
  return info;
}

absl::Status Artefact::CheckMember(const std::string& name) const {
  const Member* member = FindMember(name);
  if (member == nullptr) return Damaged(path_, absl::StrCat("member ", name, " is missing"));
  return CheckChecksum(*member, path_);
}

absl::StatusOr<Artefact> ReadArtefact(const std::string& path, const ReadOptions& options) {
  return ArtefactReader::FromFile(path, options);
}

absl::StatusOr<Artefact> ReadArtefactFromMemory(std::string bytes, const ReadOptions& options) {
  return ArtefactReader::FromMemory(std::move(bytes), options);
}

}  // namespace plimsoll::plan
