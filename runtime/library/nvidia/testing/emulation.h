// What the emulations of NVIDIA's libraries share: device memory and streams, which something else gives them, and the
// elements of their types.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <set>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "ir/plan/types.pb.h"

namespace plimsoll::runtime::nvidia {

struct EmulationHost {
  // Where the host finds `bytes` bytes of device memory; null where they are no device memory (the call then fails as
  // an illegal address would). Default: the same address.
  std::function<void*(const void* device, int64_t bytes)> address = [](const void* device, int64_t) {
    return const_cast<void*>(device);
  };
  // Puts work into a stream; its name is for records. An error fails the call. Default: it is done at once.
  std::function<absl::Status(void* stream, const std::string& name, std::function<void()> work)> enqueue =
      [](void*, const std::string&, std::function<void()> work) {
        work();
        return absl::OkStatus();
      };
};

// The objects that an emulation has given out and not yet got back.
class LiveObjects {
 public:
  template <typename T, typename... Args>
  T* Make(Args&&... args) {
    T* object = new T{std::forward<Args>(args)...};
    objects_.insert(object);
    return object;
  }
  // False where it does not live.
  template <typename T>
  bool Drop(T* object) {
    if (objects_.erase(object) == 0) return false;
    delete object;
    return true;
  }
  bool Has(const void* object) const { return objects_.count(object) != 0; }

 private:
  std::set<const void*> objects_;
};

// Reads and writes elements, rounding to nearest even.
double LoadElement(plan::DataType type, const void* base, int64_t index);
void StoreElement(plan::DataType type, void* base, int64_t index, double value);

// With 10 bits of mantissa, as TF32 has.
double RoundToTf32(double value);

double GeluTanh(double x);

}  // namespace plimsoll::runtime::nvidia
