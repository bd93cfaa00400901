#include "runtime/collective/nccl/api.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "runtime/library/nvidia/shared_library.h"

namespace plimsoll::runtime::collective::nccl {
namespace {

absl::StatusOr<const Api*> OpenLibrary() {
  using nvidia::Into;
  static Api api;
  const std::vector<nvidia::Symbol> symbols = {
      Into("ncclGetVersion", api.GetVersion),
      Into("ncclGetUniqueId", api.GetUniqueId),
      Into("ncclCommInitRankConfig", api.CommInitRankConfig),
      Into("ncclCommSplit", api.CommSplit),
      Into("ncclCommFinalize", api.CommFinalize),
      Into("ncclCommDestroy", api.CommDestroy),
      Into("ncclCommAbort", api.CommAbort),
      Into("ncclCommGetAsyncError", api.CommGetAsyncError),
      Into("ncclGetErrorString", api.GetErrorString),
      Into("ncclGetLastError", api.GetLastError),
      Into("ncclAllReduce", api.AllReduce),
      Into("ncclAllGather", api.AllGather),
      Into("ncclReduceScatter", api.ReduceScatter),
      Into("ncclBroadcast", api.Broadcast),
      Into("ncclSend", api.Send),
      Into("ncclRecv", api.Recv),
      Into("ncclGroupStart", api.GroupStart),
      Into("ncclGroupEnd", api.GroupEnd),
  };
  if (absl::Status opened = nvidia::OpenShared({"libnccl.so.2"}, symbols); !opened.ok()) {
    return absl::UnavailableError(
        absl::StrCat("NCCL cannot be opened: ", opened.message(), "; plans for several GPUs need it, 2.18 or later"));
  }
  return &api;
}

// Of the library and of what stands in for it.
absl::Status CheckVersion(const Api& api) {
  int version = 0;
  if (absl::Status status = ToStatus(api, api.GetVersion(&version), "ncclGetVersion", nullptr); !status.ok()) {
    return status;
  }
  if (version >= kLeastVersion && version < 3 * 10000) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat("NCCL says version ", version, "; 2.18 or later, below 3, is needed"));
}

nvidia::Functions<Api> functions(OpenLibrary);

}  // namespace

absl::StatusOr<const Api*> Open() {
  auto api = functions.Open();
  if (!api.ok()) return api;
  if (absl::Status status = CheckVersion(**api); !status.ok()) return status;
  return api;
}
void Replace(const Api* api) { functions.Replace(api); }

absl::Status ToStatus(const Api& api, int result, const char* call, Comm comm) {
  if (result == kSuccess || result == kInProgress) return absl::OkStatus();
  const char* text = api.GetErrorString(result);
  std::string message = absl::StrCat(call, ": ", text != nullptr ? text : "an unknown error", " (", result, ")");
  const char* last = comm != nullptr ? api.GetLastError(comm) : nullptr;
  if (last != nullptr && *last != '\0') absl::StrAppend(&message, ", ", last);
  return result == kRemoteError ? absl::AbortedError(message) : absl::InternalError(message);
}

}  // namespace plimsoll::runtime::collective::nccl
