// How a converter refuses a node. Inside this room errors are thrown and caught at its boundary (Import, Summarize):
// ONNX's own library throws, so the boundary has to catch anyway. No exception leaves the room.
#pragma once

#include <exception>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/cord.h"

namespace plimsoll::onnx_frontend {

class ImportError : public std::exception {
 public:
  explicit ImportError(absl::Status status) : status_(std::move(status)), text_(status_.message()) {}
  const absl::Status& status() const { return status_; }
  const char* what() const noexcept override { return text_.c_str(); }

 private:
  absl::Status status_;
  std::string text_;
};

// The model contradicts itself or the standard.
[[noreturn]] inline void FailMalformed(const std::string& message) { throw ImportError(absl::DataLossError(message)); }
// Right, but nothing here can do it.
[[noreturn]] inline void FailUnsupported(const std::string& message) {
  throw ImportError(absl::UnimplementedError(message));
}
// What the caller gave (shapes, values) does not suffice or contradicts the model.
[[noreturn]] inline void FailUsage(const std::string& message) {
  throw ImportError(absl::InvalidArgumentError(message));
}

// `status` with something before its message.
inline absl::Status Prefixed(const std::string& prefix, const absl::Status& status) {
  if (status.ok()) return status;
  absl::Status result(status.code(), prefix + ": " + std::string(status.message()));
  status.ForEachPayload([&](auto url, const absl::Cord& payload) { result.SetPayload(url, payload); });
  return result;
}

// Payload of a status: names of inputs whose values are needed, one a line.
inline constexpr char kNeededValues[] = "plimsoll/needed_values";

inline void Check(bool condition, const std::string& message) {
  if (!condition) FailMalformed(message);
}

}  // namespace plimsoll::onnx_frontend
