// The container of an artefact: a zip64 archive of stored members in one canonical form (APPNOTE 6.3.10,
// sections 4.3.7, 4.3.12, 4.3.14-16, 4.5.3). Every header carries the zip64 sizes, the date is 1980-01-01, and an extra
// field of zeros brings each member's data to 64 bytes. From names, sizes and checksums follows every byte but the
// data.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "ir/weights/mapped_file.h"

namespace plimsoll::plan {

struct ZipEntry {
  std::string name;
  uint64_t size = 0;
  uint32_t crc32 = 0;
};

struct ZipLayout {
  struct Part {
    uint64_t offset = 0;       // of the header
    std::string header;        // up to the data
    uint64_t data_offset = 0;  // offset + header.size(), a multiple of 64
  };
  std::vector<Part> parts;  // one an entry, back to back with its data
  uint64_t trailer_offset = 0;
  std::string trailer;  // the central directory and the end records
  uint64_t size = 0;    // of the file
};

// Where everything lies and what the headers hold. The checksums have no influence on the offsets. Names: 1 to 255
// bytes.
ZipLayout LayOut(const std::vector<ZipEntry>& entries);

// The entries of an archive in the canonical form, every byte of the headers compared with it. The data are not looked
// at. kDataLoss for anything else.
absl::StatusOr<std::vector<ZipEntry>> ReadEntries(weights::Bytes file);

}  // namespace plimsoll::plan
