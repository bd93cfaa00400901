#include "runtime/library/cudnn/api.h"

#include "absl/strings/str_cat.h"
#include "runtime/library/nvidia/shared_library.h"

namespace plimsoll::runtime::cudnn {
namespace {

absl::StatusOr<const Api*> OpenLibrary() {
  using nvidia::Into;
  static Api api;
  const std::vector<nvidia::Symbol> symbols = {
      Into("cudnnGetVersion", api.GetVersion),
      Into("cudnnGetErrorString", api.GetErrorString),
      Into("cudnnCreate", api.Create),
      Into("cudnnDestroy", api.Destroy),
      Into("cudnnSetStream", api.SetStream),
      Into("cudnnGetLastErrorString", api.GetLastErrorString),
      Into("cudnnBackendCreateDescriptor", api.BackendCreateDescriptor),
      Into("cudnnBackendDestroyDescriptor", api.BackendDestroyDescriptor),
      Into("cudnnBackendSetAttribute", api.BackendSetAttribute),
      Into("cudnnBackendGetAttribute", api.BackendGetAttribute),
      Into("cudnnBackendFinalize", api.BackendFinalize),
      Into("cudnnBackendExecute", api.BackendExecute),
  };
  if (absl::Status opened = nvidia::OpenShared({"libcudnn.so.9"}, symbols); !opened.ok()) {
    return absl::UnavailableError(absl::StrCat("cuDNN cannot be opened: ", opened.message()));
  }
  const size_t version = api.GetVersion();  // major * 10000 + minor * 100 + patch
  if (version / 10000 != 9) return absl::UnavailableError(absl::StrCat("cuDNN says version ", version, "; 9 is known"));
  return &api;
}

nvidia::Functions<Api> functions(OpenLibrary);

}  // namespace

absl::StatusOr<const Api*> Open() { return functions.Open(); }
void Replace(const Api* api) { functions.Replace(api); }

absl::Status ToStatus(const Api& api, int status, const char* call) {
  if (status == kSuccess) return absl::OkStatus();
  const char* text = api.GetErrorString(status);
  const std::string message = absl::StrCat(call, ": ", text != nullptr ? text : "an unknown status", " (", status, ")");
  if (status == kHostAllocationFailed || status == kDeviceAllocationFailed)
    return absl::ResourceExhaustedError(message);
  if (status / 1000 * 1000 == kNotSupported) return absl::UnimplementedError(message);
  if (status / 1000 == 1) return absl::UnavailableError(message);
  return absl::InternalError(message);
}

}  // namespace plimsoll::runtime::cudnn
