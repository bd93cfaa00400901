// A decoder's step over a long cache on the emulated GPU: attention in parts of the keys, against the formula in double
// precision.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>

#include "absl/strings/match.h"
#include "tests/emulation/run_emulated.h"
#include "tests/end_to_end/collections.h"

namespace plimsoll::cli {
namespace {

constexpr int64_t kHeads = 4, kGroups = 2, kKeys = 4096, kSize = 32, kValueSize = 48;
constexpr double kScale = 0.7;

struct Case {
  std::vector<float> q, k, v, mask;
  double LargestError(const std::vector<float>& got) const;
};

Case RandomCase(unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  auto draw = [&](int64_t count) {
    std::vector<float> values(count);
    for (float& value : values) value = normal(random);
    return values;
  };
  return {draw(kHeads * kSize), draw(kGroups * kKeys * kSize), draw(kGroups * kKeys * kValueSize),
          std::vector<float>(kKeys, 0)};
}

double Case::LargestError(const std::vector<float>& got) const {
  double largest = 0;
  for (int64_t h = 0; h < kHeads; ++h) {
    const int64_t g = h * kGroups / kHeads;
    std::vector<double> weights(kKeys);
    double most = -HUGE_VAL, total = 0;
    for (int64_t t = 0; t < kKeys; ++t) {
      for (int64_t d = 0; d < kSize; ++d) weights[t] += double{q[h * kSize + d]} * k[(g * kKeys + t) * kSize + d];
      weights[t] = kScale * weights[t] + mask[t];
      most = std::max(most, weights[t]);
    }
    for (double& weight : weights) total += weight = std::exp(weight - most);
    for (int64_t e = 0; e < kValueSize; ++e) {
      double want = 0;
      for (int64_t t = 0; t < kKeys; ++t) want += weights[t] / total * v[(g * kKeys + t) * kValueSize + e];
      const double error = std::abs(got[h * kValueSize + e] - want);
      largest = std::isnan(error) ? HUGE_VAL : std::max(largest, error);
    }
  }
  return largest;
}

Tensor TensorOf(const std::string& name, const std::vector<int64_t>& dims, const std::vector<float>& values) {
  Tensor tensor;
  tensor.name = name;
  tensor.type.set_dtype(plan::F32);
  for (int64_t dim : dims) tensor.type.add_dims(dim);
  tensor.bytes.assign(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float));
  return tensor;
}

Tensors InputsOf(const Case& c) {
  Tensors inputs;
  inputs["q"] = TensorOf("q", {1, kHeads, 1, kSize}, c.q);
  inputs["k"] = TensorOf("k", {1, kGroups, kKeys, kSize}, c.k);
  inputs["v"] = TensorOf("v", {1, kGroups, kKeys, kValueSize}, c.v);
  inputs["mask"] = TensorOf("mask", {1, 1, 1, kKeys}, c.mask);
  return inputs;
}

TEST(EmulatedDecode, AttendsToPartsOfTheKeys) {
  Case all = RandomCase(1), some = RandomCase(2), one = RandomCase(3);
  // Parts of which nothing may be seen; a single key.
  std::fill(some.mask.begin() + 1000, some.mask.end(), -INFINITY);
  std::fill(one.mask.begin(), one.mask.end(), -INFINITY);
  one.mask[3000] = 0;
  emulation::EmulatedGpu gpu({.seed = 5, .libraries = false});
  compiler::Options options;
  options.target = "cuda:sm_80";
  auto program = emulation::CompileAndLoad(gpu, Compiler(), SourceFolder() + "/tests/data/models/graphs/decode_attention.onnx",
                                           options, InputsOf(all));
  if (absl::StrContains(program.status().message(), "libdevice")) GTEST_SKIP() << program.status();
  ASSERT_TRUE(program.ok()) << program.status();
  int64_t blocks = 0;
  for (const plan::Command& command : (*program)->plan().run().commands()) {
    if (absl::StrContains(command.launch().symbol(), "attention")) blocks = command.launch().grid(0);
  }
  EXPECT_GT(blocks, 10 * kGroups);
  auto session = runtime::Session::Create(*program);
  ASSERT_TRUE(session.ok()) << session.status();
  for (const Case* c : {&all, &some, &one}) {
    auto outputs = RunOnce(**session, InputsOf(*c));
    ASSERT_TRUE(outputs.ok()) << outputs.status();
    const std::string& bytes = outputs->at("y").bytes;
    std::vector<float> got(bytes.size() / sizeof(float));
    std::memcpy(got.data(), bytes.data(), bytes.size());
    ASSERT_EQ(got.size(), kHeads * kValueSize);
    EXPECT_LT(c->LargestError(got), 1e-5);
  }
  session->reset();
  program->reset();
  EXPECT_EQ(gpu.violation(), "");
}

}  // namespace
}  // namespace plimsoll::cli
