// The contexts of NVIDIA's libraries.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <utility>

#include "absl/status/statusor.h"

namespace plimsoll::runtime::nvidia {

// A library's context (`Handle`) on one device: made by the first operation there, given up with the last. `Api` is its
// table of functions, with Create and Destroy; ToStatus is found beside it.
template <typename Api, typename Handle>
class Context {
 public:
  Context(const Api* api, Handle handle) : api_(api), handle_(handle) {}
  Context(const Context&) = delete;
  ~Context() { api_->Destroy(handle_); }

  Handle handle() const { return handle_; }
  // For libraries whose contexts serve one call at a time.
  std::mutex& mutex() { return mutex_; }

  // The context of `device` is current. `call` names the function that makes one, for errors.
  static absl::StatusOr<std::shared_ptr<Context>> Of(const Api* api, int device, const char* call) {
    static std::mutex& mutex = *new std::mutex;
    static auto& contexts = *new std::map<std::pair<const Api*, int>, std::weak_ptr<Context>>;
    std::lock_guard lock(mutex);
    std::weak_ptr<Context>& known = contexts[{api, device}];
    if (std::shared_ptr<Context> context = known.lock()) return context;
    Handle handle = nullptr;
    if (absl::Status status = ToStatus(*api, api->Create(&handle), call); !status.ok()) return status;
    auto context = std::make_shared<Context>(api, handle);
    known = context;
    return context;
  }

 private:
  const Api* const api_;
  const Handle handle_;
  std::mutex mutex_;
};

}  // namespace plimsoll::runtime::nvidia
