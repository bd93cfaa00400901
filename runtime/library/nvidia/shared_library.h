// Shared objects that are opened when they are first needed, so that one binary runs where they are missing.
#pragma once

#include <atomic>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace plimsoll::runtime::nvidia {

struct Symbol {
  const char* name;
  void** address;  // set where the symbol is found
};

// The symbol whose address `function`, a pointer to a function, gets.
template <typename Function>
Symbol Into(const char* name, Function& function) {
  return {name, reinterpret_cast<void**>(&function)};
}

// Opens the first of `names` that the loader finds and reads `symbols` from it. kUnavailable where none can be opened,
// with the loader's reasons, or where a symbol is missing, with its name. What is opened stays open.
absl::Status OpenShared(const std::vector<std::string>& names, const std::vector<Symbol>& symbols);

// A library's functions: of the library, opened by the first call of Open, or of what was put in its place. One object for
// each type of table.
template <typename Api>
class Functions {
 public:
  explicit constexpr Functions(absl::StatusOr<const Api*> (*open)()) : open_(open) {}

  absl::StatusOr<const Api*> Open() {
    if (const Api* api = replacement_.load(); api != nullptr) return api;
    static const absl::StatusOr<const Api*> library = open_();
    return library;
  }
  void Replace(const Api* api) { replacement_.store(api); }

 private:
  absl::StatusOr<const Api*> (*const open_)();
  std::atomic<const Api*> replacement_{nullptr};
};

}  // namespace plimsoll::runtime::nvidia
