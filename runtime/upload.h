// Bytes of mapped files on their way to a device: through two pinned chunks of host memory, on a stream of its own, so
// that the disk, the bus and the device work at once.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "runtime/device/device.h"

namespace plimsoll::runtime {

class Uploader {
 public:
  static constexpr int64_t kChunkBytes = int64_t{16} << 20;

  // Two chunks of `chunk_bytes` each. The device outlives the uploader.
  static absl::StatusOr<std::unique_ptr<Uploader>> Create(Device& device, int64_t chunk_bytes = kChunkBytes);
  // Waits for what is under way.
  ~Uploader();

  // Copies `bytes` bytes of the host to the device's address `to`, after the work that `stream` holds now and before
  // what it is given later. The host's bytes have been read when this returns.
  absl::Status Upload(void* to, const void* from, int64_t bytes, StreamHandle stream);

 private:
  struct Chunk {
    Block memory;
    Resource read;  // recorded when the device has the chunk's bytes
    bool in_use = false;
  };

  explicit Uploader(Device& device) : device_(device) {}

  Device& device_;
  Resource stream_;
  Resource ordered_;  // between the two streams
  std::array<Chunk, 2> chunks_;
  size_t next_ = 0;
};

}  // namespace plimsoll::runtime
