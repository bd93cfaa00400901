// The compiler's promises that do not need a run: budgets, refusals, determinism, targets.
#include "compiler/compile.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "compiler/refusal.h"

namespace plimsoll::compiler {
namespace {

std::string Model(const std::string& name) {
  const char* source = std::getenv("PLIMSOLL_SOURCE_DIR");
  return std::string(source == nullptr ? "." : source) + "/tests/data/models/tiny/" + name + "/model.onnx";
}

Options Portable() {
  Options options;
  options.threads = 1;
  return options;
}

TEST(Compile, SameInputGivesTheSamePlan) {
  auto first = Compile(Model("gpt2"), Portable());
  auto second = Compile(Model("gpt2"), Portable());
  ASSERT_TRUE(first.ok()) << first.status();
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ(first->artefact.plan.SerializeAsString(), second->artefact.plan.SerializeAsString());
  ASSERT_EQ(first->artefact.code.size(), second->artefact.code.size());
  for (size_t i = 0; i < first->artefact.code.size(); ++i) {
    EXPECT_EQ(first->artefact.code[i].data, second->artefact.code[i].data);
  }
}

TEST(Compile, SucceedsAtTheSmallestFeasibleBudgetAndNotBelow) {
  auto free = Compile(Model("gpt2"), Portable());
  ASSERT_TRUE(free.ok()) << free.status();
  const int64_t smallest = free->artefact.plan.smallest_feasible_budget_bytes();
  EXPECT_EQ(smallest, free->artefact.plan.certificate().peak_bytes());

  Options options = Portable();
  options.budget_bytes = smallest;
  auto exact = Compile(Model("gpt2"), options);
  EXPECT_TRUE(exact.ok()) << exact.status();

  options.budget_bytes = smallest - 1;
  auto refused = Compile(Model("gpt2"), options);
  ASSERT_EQ(refused.status().code(), absl::StatusCode::kResourceExhausted) << refused.status();
  auto refusal = RefusalOf(refused.status());
  ASSERT_TRUE(refusal.has_value());
  EXPECT_EQ(refusal->smallest_feasible_budget_bytes, smallest);
  EXPECT_LE(refusal->lower_bound_bytes, smallest);

  options.budget_bytes = 1;
  refusal = RefusalOf(Compile(Model("gpt2"), options).status());
  ASSERT_TRUE(refusal.has_value());
  EXPECT_TRUE(refusal->proven_infeasible);
  EXPECT_EQ(refusal->smallest_feasible_budget_bytes, smallest);
}

// Where recomputation makes room, the smallest budget holds its word too.
TEST(Compile, RecomputesWithinABudgetBelowThePlainPeak) {
  const std::string model = Model("whisper_encoder");
  auto plain = Compile(model, Portable());
  ASSERT_TRUE(plain.ok()) << plain.status();
  const int64_t peak = plain->artefact.plan.certificate().peak_bytes();
  EXPECT_EQ(plain->artefact.plan.certificate().recomputed_operations(), 0);

  Options options = Portable();
  options.budget_bytes = 1;
  auto refusal = RefusalOf(Compile(model, options).status());
  ASSERT_TRUE(refusal.has_value());
  const int64_t smallest = refusal->smallest_feasible_budget_bytes;
  ASSERT_LT(smallest, peak);
  EXPECT_LE(refusal->lower_bound_bytes, smallest);

  for (int64_t budget : {peak, peak - 1, (peak + smallest) / 2, smallest}) {
    options.budget_bytes = budget;
    auto compiled = Compile(model, options);
    ASSERT_TRUE(compiled.ok()) << budget << ": " << compiled.status();
    const plan::Certificate& certificate = compiled->artefact.plan.certificate();
    EXPECT_LE(certificate.peak_bytes(), budget);
    EXPECT_EQ(certificate.recomputed_operations() > 0, budget < peak);
  }

  options.budget_bytes = smallest - 1;
  refusal = RefusalOf(Compile(model, options).status());
  ASSERT_TRUE(refusal.has_value());
  EXPECT_EQ(refusal->smallest_feasible_budget_bytes, smallest);
  EXPECT_FALSE(refusal->binding_tensor.empty());

  options.budget_bytes = peak - 1;
  options.disabled_passes = {"checkpoint"};
  refusal = RefusalOf(Compile(model, options).status());
  ASSERT_TRUE(refusal.has_value());
  EXPECT_EQ(refusal->smallest_feasible_budget_bytes, peak);
}

TEST(Compile, EveryPassButTheRequiredOnesMayBeLeftOut) {
  for (const char* pass : {"simplify", "post-ops", "fuse", "layout", "schedule"}) {
    Options options = Portable();
    options.disabled_passes = {pass};
    auto compiled = Compile(Model("gpt2"), options);
    EXPECT_TRUE(compiled.ok()) << pass << ": " << compiled.status();
  }
  Options options = Portable();
  options.disabled_passes = {"no such pass"};
  EXPECT_EQ(Compile(Model("gpt2"), options).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(Compile, NamesOpenDimensionsAndUnknownTargets) {
  Options options = Portable();
  auto open = Compile(Model("bert"), options);
  EXPECT_EQ(open.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(open.status().message().find("input_ids"), absl::string_view::npos) << open.status();

  for (auto [target, gpu] : {std::pair("gpu", ""), {"cuda:", ""}, {"cuda:sm_81", ""}, {"cpu", "h2000"}, {"cuda:sm_80", "h200"}, {"cpu:x86-64-v3", "h200"}}) {
    options.target = target;
    options.gpu = gpu;
    EXPECT_EQ(Compile(Model("gpt2"), options).status().code(), absl::StatusCode::kInvalidArgument) << target << " " << gpu;
  }
  EXPECT_EQ(Compile("no/such/model.onnx", Portable()).status().code(), absl::StatusCode::kNotFound);
}

TEST(Compile, ReportsProgressToTheEnd) {
  Options options = Portable();
  double last = 0;
  std::string stages;
  options.progress = [&](const Progress& progress) {
    EXPECT_GE(progress.fraction, last) << progress.stage;
    last = progress.fraction;
    stages += progress.stage + " ";
  };
  ASSERT_TRUE(Compile(Model("gpt2"), options).ok());
  EXPECT_EQ(last, 1) << stages;
}

}  // namespace
}  // namespace plimsoll::compiler
