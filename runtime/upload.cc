#include "runtime/upload.h"

#include <algorithm>

#include "runtime/device/cpu/parallel.h"

namespace plimsoll::runtime {

absl::StatusOr<std::unique_ptr<Uploader>> Uploader::Create(Device& device, int64_t chunk_bytes) {
  std::unique_ptr<Uploader> uploader(new Uploader(device));
  auto stream = device.CreateStream();
  if (!stream.ok()) return stream.status();
  uploader->stream_ = *std::move(stream);
  auto ordered = device.CreateEvent();
  if (!ordered.ok()) return ordered.status();
  uploader->ordered_ = *std::move(ordered);
  for (Chunk& chunk : uploader->chunks_) {
    auto memory = device.AllocateHost(chunk_bytes);
    if (!memory.ok()) return memory.status();
    chunk.memory = *std::move(memory);
    auto read = device.CreateEvent();
    if (!read.ok()) return read.status();
    chunk.read = *std::move(read);
  }
  return uploader;
}

Uploader::~Uploader() {
  if (stream_.get() != nullptr) device_.Synchronize(stream_.get()).IgnoreError();
}

absl::Status Uploader::Upload(void* to, const void* from, int64_t bytes, StreamHandle stream) {
  if (auto status = device_.Record(ordered_.get(), stream); !status.ok()) return status;
  if (auto status = device_.Wait(ordered_.get(), stream_.get()); !status.ok()) return status;
  for (int64_t done = 0; done < bytes;) {
    Chunk& chunk = chunks_[next_];
    next_ = (next_ + 1) % chunks_.size();
    if (chunk.in_use) {
      if (auto status = device_.SynchronizeEvent(chunk.read.get()); !status.ok()) return status;
    }
    const int64_t part = std::min(bytes - done, chunk.memory.size_bytes);
    // On all cores: a bus may be faster than one that copies, with page faults of the mapped file; not measured on a GPU yet.
    cpu::CopyBytes(chunk.memory.data, static_cast<const std::byte*>(from) + done, part);
    chunk.in_use = true;
    absl::Status status = device_.Copy(static_cast<std::byte*>(to) + done, chunk.memory.data, part,
                                       Device::Direction::kIn, stream_.get());
    if (!status.ok()) return status;
    if (status = device_.Record(chunk.read.get(), stream_.get()); !status.ok()) return status;
    done += part;
  }
  if (auto status = device_.Record(ordered_.get(), stream_.get()); !status.ok()) return status;
  return device_.Wait(ordered_.get(), stream);
}

}  // namespace plimsoll::runtime
