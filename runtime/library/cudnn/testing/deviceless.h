// For tests: the real library asked for devices that are not there. No GPU and no driver is needed.
#pragma once

#include "absl/status/statusor.h"
#include "runtime/library/cudnn/api.h"
#include "runtime/library/cudnn/engines.h"
#include "runtime/library/cudnn/graph.h"
#include "runtime/library/nvidia/testing/device_properties.h"
#include "runtime/library/nvidia/testing/driver_stub.h"

namespace plimsoll::runtime::cudnn {

// The library, and in the driver's place the toolkit's stub of it, which engines that are compiled at run time look for
// before they answer. kUnavailable where either is missing, or the library is older than 9.8.
inline absl::StatusOr<const Api*> OpenWithoutDevice() {
  if (!nvidia::OpenDriverOrStub()) return absl::UnavailableError("neither a driver nor the toolkit's stub of it");
  absl::StatusOr<const Api*> api = Open();
  if (api.ok() && (*api)->GetVersion() < 90800) return absl::UnavailableError("cuDNN knows absent devices from 9.8 on");
  return api;
}

// The descriptor that stands for a device; not OK where the library does not take it.
inline absl::StatusOr<Descriptor> PropertiesOf(const Api& api, const nvidia::DeviceProperties& device) {
  Descriptor properties(api, backend::DescriptorType::kDeviceProperties);
  absl::Status status = properties.Set(backend::Attribute::kDevicePropertiesJson, nvidia::Json(device)).Finalize();
  if (!status.ok()) return status;
  return properties;
}

struct Offer {
  int engines = 0;              // that the library names
  int within = 0;               // of them within the limits
  bool has_ready_made = false;  // a plan of a ready-made kernel within the limits was made
  bool has_compiled = false;    // one that is compiled at run time is within the limits and says that it supports it
  int64_t least_workspace_bytes = -1;  // of engines within the limits but for their workspace; -1: none
  bool has_engine() const { return has_ready_made || has_compiled; }
};

// What the library offers for a graph that is built, not finalized, on an absent device.
inline absl::StatusOr<Offer> OfferFor(Graph& graph, const Descriptor& properties, const EngineLimits& limits) {
  const Device device{nullptr, &properties};
  if (absl::Status status = graph.Finalize(device); !status.ok()) return status;
  absl::StatusOr<std::vector<EngineConfiguration>> engines = EnginesOf(graph, device);
  if (!engines.ok()) return engines.status();
  Offer offer;
  offer.engines = static_cast<int>(engines->size());
  EngineLimits unlimited = limits;
  unlimited.workspace_bytes = int64_t{1} << 62;
  for (const EngineConfiguration& engine : *engines) {
    if (!IsWithin(engine, unlimited)) continue;
    if (offer.least_workspace_bytes < 0 || engine.workspace_bytes < offer.least_workspace_bytes) {
      offer.least_workspace_bytes = engine.workspace_bytes;
    }
    if (!IsWithin(engine, limits)) continue;
    ++offer.within;
    // Code cannot be loaded into a device that is not there.
    if (engine.is_compiled_at_run_time()) {
      offer.has_compiled = true;
    } else if (!offer.has_ready_made) {
      offer.has_ready_made = MakePlan(engine, device, limits.workspace_bytes).ok();
    }
  }
  return offer;
}

}  // namespace plimsoll::runtime::cudnn
