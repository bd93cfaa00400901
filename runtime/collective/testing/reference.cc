#include "runtime/collective/testing/reference.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <thread>

#include "absl/strings/str_cat.h"
#include "ir/plan/collective.h"
#include "ir/plan/types.h"
#include "runtime/library/nvidia/testing/emulation.h"

namespace plimsoll::runtime::collective::testing {
namespace {

template <typename T>
double LoadAs(const std::byte* base, int64_t index) {
  T value;
  std::memcpy(&value, base + index * static_cast<int64_t>(sizeof(T)), sizeof(T));
  return static_cast<double>(value);
}
template <typename T>
void StoreAs(std::byte* base, int64_t index, double value) {
  const T narrow = static_cast<T>(value);
  std::memcpy(base + index * static_cast<int64_t>(sizeof(T)), &narrow, sizeof(T));
}

bool IsUnsigned(plan::DataType type) {
  return type == plan::BOOL || type == plan::U8 || type == plan::U16 || type == plan::U32 || type == plan::U64 ||
         type >= plan::F8E4M3FN;
}

double Combine(plan::Collective::Reduction reduction, double a, double b) {
  if (reduction == plan::Collective::MAX) return std::max(a, b);
  if (reduction == plan::Collective::MIN) return std::min(a, b);
  return a + b;
}

}  // namespace

double Load(plan::DataType type, const std::byte* base, int64_t index) {
  switch (type) {
    case plan::I8:
      return LoadAs<int8_t>(base, index);
    case plan::I16:
      return LoadAs<int16_t>(base, index);
    case plan::U16:
      return LoadAs<uint16_t>(base, index);
    case plan::I32:
      return LoadAs<int32_t>(base, index);
    case plan::U32:
      return LoadAs<uint32_t>(base, index);
    case plan::I64:
      return LoadAs<int64_t>(base, index);
    case plan::U64:
      return LoadAs<uint64_t>(base, index);
    case plan::F16:
    case plan::BF16:
    case plan::F32:
    case plan::F64:
      return nvidia::LoadElement(type, base, index);
    default:
      return LoadAs<uint8_t>(base, index);
  }
}

void Store(plan::DataType type, std::byte* base, int64_t index, double value) {
  switch (type) {
    case plan::I8:
      return StoreAs<int8_t>(base, index, value);
    case plan::I16:
      return StoreAs<int16_t>(base, index, value);
    case plan::U16:
      return StoreAs<uint16_t>(base, index, value);
    case plan::I32:
      return StoreAs<int32_t>(base, index, value);
    case plan::U32:
      return StoreAs<uint32_t>(base, index, value);
    case plan::I64:
      return StoreAs<int64_t>(base, index, value);
    case plan::U64:
      return StoreAs<uint64_t>(base, index, value);
    case plan::F16:
    case plan::BF16:
    case plan::F32:
    case plan::F64:
      return nvidia::StoreElement(type, base, index, value);
    default:
      return StoreAs<uint8_t>(base, index, value);
  }
}

int64_t SourceElements(plan::Collective::Kind kind, int64_t block, int n) {
  const bool many = kind == plan::Collective::REDUCE_SCATTER || kind == plan::Collective::ALL_TO_ALL ||
                    kind == plan::Collective::ALL_SLICE;
  return many ? block * n : block;
}

int64_t DestinationElements(plan::Collective::Kind kind, int64_t block, int n) {
  return kind == plan::Collective::ALL_GATHER || kind == plan::Collective::ALL_TO_ALL ? block * n : block;
}

std::vector<Elements> Expected(const plan::Collective& collective, const std::vector<Elements>& sources) {
  const size_t n = sources.size(), length = sources[0].size();
  Elements all, reduced = sources[0];
  for (size_t p = 0; p < n; ++p) {
    all.insert(all.end(), sources[p].begin(), sources[p].end());
    for (size_t i = 0; p > 0 && i < length; ++i) {
      reduced[i] = Combine(collective.reduction(), reduced[i], sources[p][i]);
    }
  }
  if (collective.reduction() == plan::Collective::AVERAGE) {
    for (double& value : reduced) {
      std::byte rounded[sizeof(double)];
      Store(collective.dtype(), rounded, 0, value / static_cast<double>(n));
      value = Load(collective.dtype(), rounded, 0);
    }
  }
  std::vector<Elements> results(n);
  for (size_t p = 0; p < n; ++p) {
    const auto piece = [&](const Elements& whole, size_t block) {
      const auto size = static_cast<std::ptrdiff_t>(length / n), at = static_cast<std::ptrdiff_t>(block) * size;
      return Elements(whole.begin() + at, whole.begin() + at + size);
    };
    Elements& result = results[p];
    switch (collective.kind()) {
      case plan::Collective::ALL_REDUCE:
        result = reduced;
        break;
      case plan::Collective::ALL_GATHER:
        result = all;
        break;
      case plan::Collective::REDUCE_SCATTER:
        result = piece(reduced, p);
        break;
      case plan::Collective::ALL_TO_ALL:
        for (const Elements& source : sources) {
          const Elements block = piece(source, p);
          result.insert(result.end(), block.begin(), block.end());
        }
        break;
      case plan::Collective::BROADCAST:
        result = sources[static_cast<size_t>(collective.root())];
        break;
      case plan::Collective::PERMUTE:
        result.assign(length, 0);
        for (const auto& pair : collective.pairs()) {
          if (pair.target() == static_cast<int>(p)) result = sources[static_cast<size_t>(pair.source())];
        }
        break;
      default:
        result = piece(sources[p], p);
    }
  }
  return results;
}

Elements RandomElements(plan::DataType type, int64_t count, std::mt19937& random) {
  Elements elements(static_cast<size_t>(count));
  for (double& value : elements) {
    value = IsUnsigned(type) ? static_cast<double>(random() % 17) : static_cast<double>(random() % 17) - 8;
  }
  return elements;
}

std::vector<std::byte> Bytes(plan::DataType type, const Elements& elements) {
  std::vector<std::byte> bytes(elements.size() * static_cast<size_t>(plan::ElementSize(type)));
  for (size_t i = 0; i < elements.size(); ++i) Store(type, bytes.data(), static_cast<int64_t>(i), elements[i]);
  return bytes;
}

plan::Collective MakeCollective(plan::Collective::Kind kind, plan::DataType type, plan::Collective::Reduction reduction,
                                int n, std::mt19937& random) {
  plan::Collective collective;
  collective.set_kind(kind);
  collective.set_dtype(type);
  if (plan::Reduces(kind)) collective.set_reduction(reduction);
  if (kind == plan::Collective::BROADCAST) collective.set_root(static_cast<int>(random() % static_cast<uint32_t>(n)));
  if (kind == plan::Collective::PERMUTE) {
    std::vector<int> targets(static_cast<size_t>(n));
    std::iota(targets.begin(), targets.end(), 0);
    std::shuffle(targets.begin(), targets.end(), random);
    for (int source = 0; source < n; ++source) {
      if (random() % 4 == 0) continue;
      plan::Collective::Pair* pair = collective.add_pairs();
      pair->set_source(source);
      pair->set_target(targets[static_cast<size_t>(source)]);
    }
  }
  return collective;
}

std::vector<plan::Collective> AllCollectives(plan::DataType type, int n, std::mt19937& random) {
  std::vector<plan::Collective> collectives;
  for (int kind = plan::Collective::ALL_REDUCE; kind <= plan::Collective::ALL_SLICE; ++kind) {
    const auto named = static_cast<plan::Collective::Kind>(kind);
    if (!plan::Reduces(named)) {
      collectives.push_back(MakeCollective(named, type, plan::Collective::SUM, n, random));
      continue;
    }
    for (int r = plan::Collective::SUM; r <= plan::Collective::AVERAGE; ++r) {
      const auto reduction = static_cast<plan::Collective::Reduction>(r);
      if (plan::HasReduction(type, reduction)) {
        collectives.push_back(MakeCollective(named, type, reduction, n, random));
      }
    }
  }
  return collectives;
}

std::vector<plan::DataType> AllTypes() {
  std::vector<plan::DataType> types;
  for (int type = plan::DataType_MIN + 1; type <= plan::DataType_MAX; ++type) {
    types.push_back(static_cast<plan::DataType>(type));
  }
  return types;
}

void OnRanks(int ranks, const std::function<void(int)>& body) {
  std::vector<std::thread> threads;
  for (int rank = 0; rank < ranks; ++rank) threads.emplace_back(body, rank);
  for (std::thread& thread : threads) thread.join();
}

std::string Describe(const plan::Collective& collective, int64_t block, int n) {
  return absl::StrCat(plan::Name(collective.kind()), " ",
                      plan::Reduces(collective.kind()) ? plan::Name(collective.reduction()) : "", " of ", block, " ",
                      plan::Name(collective.dtype()), " among ", n);
}

}  // namespace plimsoll::runtime::collective::testing
