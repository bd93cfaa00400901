#include "passes/cost/hardware.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/io/tokenizer.h"
#include "google/protobuf/text_format.h"
#include "passes/cost/hardware_texts.h"

namespace plimsoll::hardware {
namespace {

// Keeps the first error, with its line.
class FirstError : public google::protobuf::io::ErrorCollector {
 public:
  void AddError(int line, int column, const std::string& message) override {
    if (text.empty()) text = absl::StrCat("line ", line + 1, ", column ", column + 1, ": ", message);
  }
  std::string text;
};

absl::Status CheckFigure(const Figure& figure, absl::string_view what) {
  if (!std::isfinite(figure.value()) || figure.value() <= 0) {
    return absl::InvalidArgumentError(absl::StrCat(what, " is ", figure.value(), "; a number above 0 was expected"));
  }
  if (figure.source().empty()) return absl::InvalidArgumentError(absl::StrCat(what, " has no source"));
  return absl::OkStatus();
}

absl::Status CheckGpu(const Gpu& gpu) {
  if (gpu.name().empty() || gpu.full_name().empty()) return absl::InvalidArgumentError("name and full_name are needed");
  if (gpu.name() != absl::AsciiStrToLower(gpu.name())) return absl::InvalidArgumentError("the name is not in lower case");
  if (gpu.capability_major() < 5 || gpu.capability_minor() < 0 || gpu.capability_minor() > 9) {
    return absl::InvalidArgumentError(
        absl::StrCat("compute capability ", gpu.capability_major(), ".", gpu.capability_minor()));
  }
  const std::pair<const Figure&, const char*> figures[] = {
      {gpu.memory_bytes(), "memory_bytes"},         {gpu.reserve_bytes(), "reserve_bytes"},
      {gpu.memory_bandwidth(), "memory_bandwidth"}, {gpu.multiprocessors(), "multiprocessors"},
      {gpu.shared_memory_per_block(), "shared_memory_per_block"}};
  for (const auto& [figure, what] : figures) {
    if (absl::Status status = CheckFigure(figure, what); !status.ok()) return status;
  }
  if (gpu.reserve_bytes().value() >= gpu.memory_bytes().value()) {
    return absl::InvalidArgumentError("the reserve takes all of the memory");
  }
  for (const Rate& rate : gpu.rates()) {
    if (rate.type().empty()) return absl::InvalidArgumentError("a rate without a type");
    if (absl::Status status = CheckFigure(rate.per_second(), absl::StrCat("the rate of ", rate.type())); !status.ok()) {
      return status;
    }
  }
  if (RateOf(gpu, Rate::VECTOR, "f32") == 0) return absl::InvalidArgumentError("no vector rate of f32");
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Gpu> ParseGpu(const std::string& text, absl::string_view where) {
  Gpu gpu;
  FirstError error;
  google::protobuf::TextFormat::Parser parser;
  parser.RecordErrorsTo(&error);
  if (!parser.ParseFromString(text, &gpu)) return absl::InvalidArgumentError(absl::StrCat(where, ": ", error.text));
  if (absl::Status status = CheckGpu(gpu); !status.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(where, ": ", status.message()));
  }
  return gpu;
}

const std::vector<Gpu>& Catalogue() {
  static const auto* catalogue = [] {
    auto* gpus = new std::vector<Gpu>();
    for (const HardwareText& text : kHardwareTexts) {
      absl::StatusOr<Gpu> gpu = ParseGpu(text.text, text.file);
      if (!gpu.ok()) {
        std::fprintf(stderr, "the hardware catalogue: %s\n", gpu.status().ToString().c_str());
        std::abort();
      }
      gpus->push_back(*std::move(gpu));
    }
    std::sort(gpus->begin(), gpus->end(), [](const Gpu& a, const Gpu& b) { return a.name() < b.name(); });
    return gpus;
  }();
  return *catalogue;
}

absl::StatusOr<const Gpu*> FindGpu(absl::string_view name) {
  std::string names;
  for (const Gpu& gpu : Catalogue()) {
    if (absl::EqualsIgnoreCase(name, gpu.name())) return &gpu;
    for (const std::string& alias : gpu.aliases()) {
      if (absl::EqualsIgnoreCase(name, alias)) return &gpu;
    }
    absl::StrAppend(&names, names.empty() ? "" : ", ", gpu.name());
  }
  return absl::InvalidArgumentError(absl::StrCat("no GPU '", name, "' in the catalogue; there are ", names));
}

std::string Architecture(const Gpu& gpu) { return absl::StrCat("sm_", gpu.capability_major(), gpu.capability_minor()); }

int64_t BudgetBytes(const Gpu& gpu) {
  return static_cast<int64_t>(gpu.memory_bytes().value()) - static_cast<int64_t>(gpu.reserve_bytes().value());
}

double RateOf(const Gpu& gpu, Rate::Unit unit, absl::string_view type) {
  for (const Rate& rate : gpu.rates()) {
    if (rate.unit() == unit && rate.type() == type) return rate.per_second().value();
  }
  return 0;
}

}  // namespace plimsoll::hardware
