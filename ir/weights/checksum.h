// CRC-32 as zip, gzip and zlib have it.
#pragma once

#include <cstdint>

#include "ir/weights/mapped_file.h"

namespace plimsoll::weights {

// The checksum of `bytes`, of any size; large ranges are cut in pieces that several threads compute. `before` is the
// checksum of the bytes that come before these, 0 for none.
uint32_t Crc32(Bytes bytes, uint32_t before = 0);

}  // namespace plimsoll::weights
