#include "runtime/library/cublaslt/api.h"

#include "absl/strings/str_cat.h"
#include "runtime/library/nvidia/shared_library.h"

namespace plimsoll::runtime::cublaslt {
namespace {

absl::StatusOr<const Api*> OpenLibrary() {
  using nvidia::Into;
  static Api api;
  const std::vector<nvidia::Symbol> symbols = {
      Into("cublasLtGetVersion", api.GetVersion),
      Into("cublasLtGetStatusString", api.GetStatusString),
      Into("cublasLtCreate", api.Create),
      Into("cublasLtDestroy", api.Destroy),
      Into("cublasLtMatmulDescCreate", api.MatmulDescCreate),
      Into("cublasLtMatmulDescDestroy", api.MatmulDescDestroy),
      Into("cublasLtMatmulDescSetAttribute", api.MatmulDescSetAttribute),
      Into("cublasLtMatrixLayoutCreate", api.MatrixLayoutCreate),
      Into("cublasLtMatrixLayoutDestroy", api.MatrixLayoutDestroy),
      Into("cublasLtMatrixLayoutSetAttribute", api.MatrixLayoutSetAttribute),
      Into("cublasLtMatmulPreferenceCreate", api.PreferenceCreate),
      Into("cublasLtMatmulPreferenceDestroy", api.PreferenceDestroy),
      Into("cublasLtMatmulPreferenceSetAttribute", api.PreferenceSetAttribute),
      Into("cublasLtMatmulAlgoGetHeuristic", api.AlgoGetHeuristic),
      Into("cublasLtMatmul", api.Matmul),
  };
  if (absl::Status opened = nvidia::OpenShared({"libcublasLt.so.13", "libcublasLt.so.12"}, symbols); !opened.ok()) {
    return absl::UnavailableError(absl::StrCat("cuBLASLt cannot be opened: ", opened.message()));
  }
  const size_t version = api.GetVersion();  // major * 10000 + minor * 100 + patch
  if (version / 10000 != 12 && version / 10000 != 13) {
    return absl::UnavailableError(absl::StrCat("cuBLASLt says version ", version, "; 12 and 13 are known"));
  }
  return &api;
}

nvidia::Functions<Api> functions(OpenLibrary);

}  // namespace

absl::StatusOr<const Api*> Open() { return functions.Open(); }
void Replace(const Api* api) { functions.Replace(api); }

absl::Status ToStatus(const Api& api, int status, const char* call) {
  if (status == kSuccess) return absl::OkStatus();
  const char* text = api.GetStatusString(status);
  const std::string message = absl::StrCat(call, ": ", text != nullptr ? text : "an unknown status", " (", status, ")");
  switch (status) {
    case kNotSupported:
    case kArchMismatch:
      return absl::UnimplementedError(message);
    case kAllocFailed:
      return absl::ResourceExhaustedError(message);
    case kNotInitialized:
      return absl::UnavailableError(message);
    default:
      return absl::InternalError(message);
  }
}

}  // namespace plimsoll::runtime::cublaslt
