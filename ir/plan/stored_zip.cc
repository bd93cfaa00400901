#include "ir/plan/stored_zip.h"

#include <cstring>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace plimsoll::plan {
namespace {

constexpr uint64_t kAlignment = 64;
constexpr uint32_t kLocalHeader = 0x04034b50;
constexpr uint32_t kCentralHeader = 0x02014b50;
constexpr uint32_t kZip64End = 0x06064b50;
constexpr uint32_t kZip64Locator = 0x07064b50;
constexpr uint32_t kEnd = 0x06054b50;
constexpr uint64_t kLocalSize = 30;
constexpr uint64_t kCentralSize = 46;
constexpr uint64_t kZip64EndSize = 56;
constexpr uint64_t kLocatorSize = 20;
constexpr uint64_t kEndSize = 22;
constexpr uint16_t kVersion = 45;                // zip64
constexpr uint16_t kMadeBy = 3 << 8 | kVersion;  // Unix
constexpr uint16_t kDate = 0x0021;               // 1980-01-01
constexpr uint32_t kMode = 0100644u << 16;       // a regular file, rw-r--r--
constexpr uint16_t kZip64Extra = 0x0001;
constexpr uint16_t kAlignmentExtra = 0xd935;  // as Android's zipalign: alignment, then zeros
constexpr uint32_t kInZip64 = 0xffffffff;
constexpr uint16_t kInZip64Short = 0xffff;

class Encoder {
 public:
  Encoder& U16(uint16_t v) { return Put(v, 2); }
  Encoder& U32(uint32_t v) { return Put(v, 4); }
  Encoder& U64(uint64_t v) { return Put(v, 8); }
  Encoder& Text(const std::string& text) {
    bytes_ += text;
    return *this;
  }
  Encoder& Zeros(uint64_t count) {
    bytes_.append(count, '\0');
    return *this;
  }
  std::string& bytes() { return bytes_; }

 private:
  Encoder& Put(uint64_t value, int count) {
    for (int i = 0; i < count; ++i) bytes_ += static_cast<char>(value >> (8 * i) & 0xff);
    return *this;
  }
  std::string bytes_;
};

uint64_t Decode(weights::Bytes file, uint64_t offset, int count) {
  uint64_t value = 0;
  for (int i = 0; i < count; ++i) value |= std::to_integer<uint64_t>(file[offset + i]) << (8 * i);
  return value;
}

std::string LocalHeader(const ZipEntry& entry, uint64_t offset) {
  constexpr uint64_t kZip64Bytes = 4 + 16;
  constexpr uint64_t kPaddingHead = 4 + 2;
  const uint64_t least = kLocalSize + entry.name.size() + kZip64Bytes + kPaddingHead;
  const uint64_t padding = (kAlignment - (offset + least) % kAlignment) % kAlignment;
  Encoder out;
  out.U32(kLocalHeader).U16(kVersion).U16(0).U16(0).U16(0).U16(kDate).U32(entry.crc32).U32(kInZip64).U32(kInZip64);
  out.U16(static_cast<uint16_t>(entry.name.size())).U16(static_cast<uint16_t>(kZip64Bytes + kPaddingHead + padding));
  out.Text(entry.name).U16(kZip64Extra).U16(16).U64(entry.size).U64(entry.size);
  out.U16(kAlignmentExtra).U16(static_cast<uint16_t>(2 + padding)).U16(kAlignment).Zeros(padding);
  return std::move(out.bytes());
}

void CentralHeader(const ZipEntry& entry, uint64_t offset, Encoder& out) {
  constexpr uint16_t kZip64Bytes = 4 + 24;
  out.U32(kCentralHeader).U16(kMadeBy).U16(kVersion).U16(0).U16(0).U16(0).U16(kDate);
  out.U32(entry.crc32).U32(kInZip64).U32(kInZip64).U16(static_cast<uint16_t>(entry.name.size())).U16(kZip64Bytes);
  out.U16(0).U16(0).U16(0).U32(kMode).U32(kInZip64).Text(entry.name);
  out.U16(kZip64Extra).U16(24).U64(entry.size).U64(entry.size).U64(offset);
}

absl::Status Foreign(const std::string& found) {
  return absl::DataLossError(
      absl::StrCat(found, ". The file is damaged, or another program wrote it; compile the model again"));
}

bool SameBytes(weights::Bytes file, uint64_t offset, const std::string& expected) {
  return offset <= file.size() && expected.size() <= file.size() - offset &&
         std::memcmp(file.data() + offset, expected.data(), expected.size()) == 0;
}

}  // namespace

ZipLayout LayOut(const std::vector<ZipEntry>& entries) {
  ZipLayout layout;
  uint64_t offset = 0;
  Encoder trailer;
  for (const ZipEntry& entry : entries) {
    ZipLayout::Part part;
    part.offset = offset;
    part.header = LocalHeader(entry, offset);
    part.data_offset = offset + part.header.size();
    CentralHeader(entry, offset, trailer);
    offset = part.data_offset + entry.size;
    layout.parts.push_back(std::move(part));
  }
  layout.trailer_offset = offset;
  const uint64_t directory_size = trailer.bytes().size();
  const uint64_t count = entries.size();
  trailer.U32(kZip64End).U64(kZip64EndSize - 12).U16(kMadeBy).U16(kVersion).U32(0).U32(0);
  trailer.U64(count).U64(count).U64(directory_size).U64(offset);
  trailer.U32(kZip64Locator).U32(0).U64(offset + directory_size).U32(1);
  trailer.U32(kEnd).U16(0).U16(0).U16(kInZip64Short).U16(kInZip64Short).U32(kInZip64).U32(kInZip64).U16(0);
  layout.trailer = std::move(trailer.bytes());
  layout.size = offset + layout.trailer.size();
  return layout;
}

absl::StatusOr<std::vector<ZipEntry>> ReadEntries(weights::Bytes file) {
  constexpr uint64_t kLeast = kZip64EndSize + kLocatorSize + kEndSize;
  if (file.size() < 4 || Decode(file, 0, 4) != kLocalHeader) {
    return absl::DataLossError("it is not a .plim file: it does not begin as one; give a file that `compile` wrote");
  }
  if (file.size() < kLeast || Decode(file, file.size() - kEndSize, 4) != kEnd) {
    return Foreign("it is truncated: the end record is missing");
  }
  const uint64_t locator = file.size() - kEndSize - kLocatorSize;
  const uint64_t end = locator - kZip64EndSize;
  if (Decode(file, locator, 4) != kZip64Locator || Decode(file, end, 4) != kZip64End) {
    return Foreign("it is a zip file, but not a .plim: the zip64 end record is missing");
  }
  uint64_t at = Decode(file, end + 48, 8);
  if (at > end) return Foreign(absl::StrCat("its directory is said to be at byte ", at, ", beyond the end"));

  std::vector<ZipEntry> entries;
  uint64_t total = 0;
  while (at < end) {
    if (end - at < kCentralSize || Decode(file, at, 4) != kCentralHeader) return Foreign("its directory is damaged");
    const uint64_t name = Decode(file, at + 28, 2);
    const uint64_t extra = Decode(file, at + 30, 2);
    if (name == 0 || name > 255 || extra != 28 || end - at - kCentralSize < name + extra) {
      return Foreign("its directory is damaged");
    }
    ZipEntry entry;
    entry.name.assign(reinterpret_cast<const char*>(file.data()) + at + kCentralSize, name);
    entry.crc32 = static_cast<uint32_t>(Decode(file, at + 16, 4));
    entry.size = Decode(file, at + kCentralSize + name + 4, 8);
    if (entry.size > file.size() - total) return Foreign("its members are larger than the file");
    total += entry.size;
    entries.push_back(std::move(entry));
    at += kCentralSize + name + extra;
  }

  const ZipLayout layout = LayOut(entries);
  if (layout.size != file.size() || !SameBytes(file, layout.trailer_offset, layout.trailer)) {
    return Foreign("its directory does not fit the file");
  }
  for (size_t i = 0; i < entries.size(); ++i) {
    if (!SameBytes(file, layout.parts[i].offset, layout.parts[i].header)) {
      return Foreign(absl::StrCat("the header of member ", i, " does not fit the directory"));
    }
  }
  return entries;
}

}  // namespace plimsoll::plan
