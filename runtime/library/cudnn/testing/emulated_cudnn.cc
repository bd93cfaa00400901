#include "runtime/library/cudnn/testing/emulated_cudnn.h"

#include <utility>

#include "runtime/library/cudnn/testing/emulation_state.h"

namespace plimsoll::runtime::cudnn {

namespace {

EmulatedCudnn* state = nullptr;
using emulated::Fail;
using emulated::Live;

template <typename T>
int Make(T** out) {
  if (out == nullptr) return Fail("nowhere to put a new object");
  *out = Live().Make<T>();
  ++state->live_objects;
  return kSuccess;
}
template <typename T>
int Drop(T* object) {
  if (!Live().Drop(object)) return Fail("destroyed what does not live");
  --state->live_objects;
  return kSuccess;
}
bool Lives(const void* object) { return Live().Has(object); }

size_t GetVersion() { return 91900; }
const char* GetErrorString(int status) { return status == kSuccess ? "success" : state->last_error.c_str(); }
int Create(Handle* handle) { return Make(handle); }
int Destroy(Handle handle) { return Drop(handle); }
int SetStream(Handle handle, void* stream) {
  if (!Lives(handle)) return Fail("no handle");
  handle->stream = stream;
  return kSuccess;
}

}  // namespace

namespace emulated {

EmulatedCudnn& State() { return *state; }

nvidia::LiveObjects& Live() {
  static auto& live = *new nvidia::LiveObjects;
  return live;
}
nvidia::LiveObjects& LiveDescriptors() {
  static auto& live = *new nvidia::LiveObjects;
  return live;
}

int Fail(std::string why, int status) {
  state->last_error = std::move(why);
  return status;
}
int Report(const Outcome& outcome) { return outcome.ok() ? int{kSuccess} : Fail(outcome.why, outcome.status); }

}  // namespace emulated

const Api* Emulate(EmulatedCudnn* configuration) {
  static const Api api = [] {
    Api table = {};
    table.GetVersion = GetVersion;
    table.GetErrorString = GetErrorString;
    table.Create = Create;
    table.Destroy = Destroy;
    table.SetStream = SetStream;
    emulated::AddBackend(table);
    return table;
  }();
  state = configuration;
  return &api;
}

}  // namespace plimsoll::runtime::cudnn
