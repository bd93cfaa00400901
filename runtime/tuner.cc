#include "runtime/tuner.h"

#include <algorithm>
#include <array>
#include <chrono>

namespace plimsoll::runtime {
namespace {

constexpr int kSamples = 5;
constexpr int kRuns = 10;   // of a sample: launches are cheaper than the way to the device and back

}  // namespace

absl::StatusOr<double> DeviceTuner::Seconds(
    absl::FunctionRef<absl::Status(absl::Span<void* const> operands, StreamHandle stream)> work) {
  std::array<double, kSamples> samples;
  for (int sample = -1; sample < kSamples; ++sample) {   // the first warms up
    if (absl::Status status = device_.Synchronize(stream_); !status.ok()) return status;
    const auto start = std::chrono::steady_clock::now();
    for (int run = 0; run < kRuns; ++run) {
      if (absl::Status status = work(operands_, stream_); !status.ok()) return status;
    }
    if (absl::Status status = device_.Synchronize(stream_); !status.ok()) return status;
    if (sample < 0) continue;
    samples[static_cast<size_t>(sample)] =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() / kRuns;
  }
  std::nth_element(samples.begin(), samples.begin() + kSamples / 2, samples.end());
  return samples[kSamples / 2];
}

}  // namespace plimsoll::runtime
