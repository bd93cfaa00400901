// A perceptron cut over two ranks, y = relu(x w1) w2: each has half of w1's columns and the same half of w2's rows, and
// an all-reduce sums what they give. Against the same plan for one rank, and against loops in double precision.
#include <algorithm>
#include <cmath>
#include <limits>
#include <mutex>
#include <random>
#include <string>
#include <vector>

#include "runtime/library/library.h"
#include "tests/conformance/device/ranks_case.h"

namespace plimsoll::runtime::conformance {
namespace {

using plan::Collective;

constexpr int kRows = 4, kIn = 24, kHidden = 32, kOut = 12;

// A kernel for the fake GPU: block (m, n) of the grid is one element; the block's size is the inner dim.
absl::Status RunProduct(const cuda::testing::FakeLaunch& launch) {
  if (launch.symbol != "product" && launch.symbol != "product_relu") return RunCudaKernel(launch);
  const int64_t m = launch.grid[0], n = launch.grid[1], k = launch.block[0];
  const auto *a = static_cast<const float*>(launch.arguments[0]), *b = static_cast<const float*>(launch.arguments[1]);
  for (int64_t i = 0; i < m * n; ++i) {
    float sum = 0;
    for (int64_t j = 0; j < k; ++j) sum += a[i / n * k + j] * b[j * n + i % n];
    static_cast<float*>(launch.arguments[2])[i] = launch.symbol == "product" ? sum : std::max(sum, 0.0f);
  }
  return absl::OkStatus();
}

struct Model {
  std::vector<float> x, w1, w2;

  // What it gives, and how much each element may be off by rounding f32: its terms' sum of sizes, per unit of rounding.
  void Reference(std::vector<double>& y, std::vector<double>& size) const {
    y.assign(kRows * kOut, 0);
    size.assign(kRows * kOut, 0);
    for (int r = 0; r < kRows; ++r) {
      for (int h = 0; h < kHidden; ++h) {
        double hidden = 0, hidden_size = 0;
        for (int i = 0; i < kIn; ++i) {
          hidden += double{x[r * kIn + i]} * w1[i * kHidden + h];
          hidden_size += std::abs(double{x[r * kIn + i]} * w1[i * kHidden + h]);
        }
        for (int o = 0; o < kOut; ++o) {
          y[r * kOut + o] += std::max(hidden, 0.0) * w2[h * kOut + o];
          size[r * kOut + o] += hidden_size * std::abs(w2[h * kOut + o]);
        }
      }
    }
  }
};

class TensorParallelTest : public RanksTest {
 protected:
  void AddProduct(PlanBuilder& b, int from, int weights, int to, int64_t k, int64_t n, bool relu) {
    if (!is_cpu()) {
      plan::Launch* launch = b.Add(b.run(), "product", {from, weights}, {to}).mutable_launch();
      launch->set_symbol(relu ? "product_relu" : "product");
      for (const int64_t size : {int64_t{kRows}, n, int64_t{1}}) launch->add_grid(size);
      for (const int64_t size : {k, int64_t{1}, int64_t{1}}) launch->add_block(size);
      return;
    }
    plan::LibraryOp op;
    op.set_library("onednn");
    for (auto [desc, rows, columns] : {std::tuple(op.mutable_matmul()->mutable_a(), int64_t{kRows}, k),
                                       std::tuple(op.mutable_matmul()->mutable_b(), k, n),
                                       std::tuple(op.mutable_matmul()->mutable_dst(), int64_t{kRows}, n)}) {
      desc->set_dtype(plan::F32);
      desc->add_dims(rows);
      desc->add_dims(columns);
    }
    if (relu) op.mutable_matmul()->add_post_ops()->set_function("relu");
    auto needs = Query(op, b.plan().target());
    ASSERT_HAS(needs);
    op.set_workspace_bytes(needs->workspace_bytes);
    std::vector<int> writes = {to};
    if (needs->workspace_bytes > 0) writes.push_back(b.AddWorkspace(b.run(), needs->workspace_bytes));
    *b.Add(b.run(), "product", {from, weights}, writes).mutable_library_call()->mutable_op() = op;
  }

  // The rank's piece of a weight that the model holds whole, the pieces one after the other.
  int AddPiece(PlanBuilder& b, const char* name, const std::vector<float>& values, int group) {
    const auto count = static_cast<int64_t>(values.size());
    const int whole = b.AddWeightBuffer(b.load(), b.AddWeight(name, Type(plan::F32, {count}), values.data()));
    const int piece = b.AddBuffer(b.load(), name, Type(plan::F32, {count / b.plan().groups(group).part_size()}),
                                  PlanBuilder::kParameters);
    b.Collective(b.load(), PlanBuilder::MakeCollective(Collective::ALL_SLICE, group, plan::F32), whole, piece);
    return b.ShareParameter(piece);
  }

  std::string MakePlan(const Model& model, int ranks) {
    PlanBuilder b;
    if (is_cpu()) {
      b.UseKernels(TEST_KERNELS, CudaSymbols());
    } else {
      b.UseCuda("sm_80", CudaText(), {"product", "product_relu"});
    }
    b.plan().set_ranks(ranks);
    std::vector<int> all;
    for (int rank = 0; rank < ranks; ++rank) all.push_back(rank);
    const int tensor = b.AddGroup("tensor", ranks, all);
    const int64_t width = kHidden / ranks;
    std::vector<float> columns;  // of w1, those of each rank together
    for (int64_t rank = 0; rank < ranks; ++rank) {
      for (int64_t i = 0; i < kIn; ++i) {
        const auto begin = model.w1.begin() + i * kHidden + rank * width;
        columns.insert(columns.end(), begin, begin + width);
      }
    }
    const int w1 = AddPiece(b, "w1", columns, tensor), w2 = AddPiece(b, "w2", model.w2, tensor);
    const int x = b.AddBuffer(b.run(), "x", Type(plan::F32, {kRows, kIn}));
    const int hidden = b.AddBuffer(b.run(), "hidden", Type(plan::F32, {kRows, width}));
    const int partial = b.AddBuffer(b.run(), "partial", Type(plan::F32, {kRows, kOut}));
    const int y = b.AddBuffer(b.run(), "y", Type(plan::F32, {kRows, kOut}));
    b.run().mutable_buffers(partial)->set_memory_class(plan::COMMUNICATION);
    AddProduct(b, x, w1, hidden, kIn, width, true);
    AddProduct(b, hidden, w2, partial, width, kOut, false);
    b.Collective(b.run(), PlanBuilder::MakeCollective(Collective::ALL_REDUCE, tensor, plan::F32, Collective::SUM),
                 partial, y);
    b.Input("x", x);
    b.Output("y", y);
    auto bytes = b.Serialize();
    EXPECT_TRUE(bytes.ok()) << bytes.status();
    return bytes.ok() ? *bytes : "";
  }

  // The result of every rank.
  std::vector<std::vector<float>> RunOn(const Model& model, int ranks) {
    std::vector<std::vector<float>> results(static_cast<size_t>(ranks), std::vector<float>(kRows * kOut));
    kernels_ = RunProduct;
    Join(ranks);
    OnSessions(MakePlan(model, ranks), [&](int rank, Session& session) {
      ASSERT_OK(session.BindInput(0, model.x.data(), static_cast<int64_t>(model.x.size() * sizeof(float))));
      auto& result = results[static_cast<size_t>(rank)];
      ASSERT_OK(session.BindOutput(0, result.data(), static_cast<int64_t>(result.size() * sizeof(float))));
      ASSERT_OK(session.Run());
      ASSERT_OK(session.Run());
    });
    return results;
  }
};

TEST_P(TensorParallelTest, WholeNumbersBitForBit) {
  std::mt19937 random(1);
  const auto draw = [&](size_t count) {
    std::vector<float> values(count);
    for (float& value : values) value = static_cast<float>(random() % 9) - 4;
    return values;
  };
  const Model model{draw(kRows * kIn), draw(kIn * kHidden), draw(kHidden * kOut)};
  const std::vector<float> one = RunOn(model, 1)[0];
  const auto two = RunOn(model, 2);
  std::vector<double> expected, size;
  model.Reference(expected, size);
  for (size_t i = 0; i < one.size(); ++i) EXPECT_EQ(one[i], expected[i]);
  EXPECT_EQ(one, two[0]);
  EXPECT_EQ(one, two[1]);
}

TEST_P(TensorParallelTest, OthersWithinTheRoundingOfTheirSums) {
  std::mt19937 random(2);
  std::normal_distribution<float> normal;
  const auto draw = [&](size_t count) {
    std::vector<float> values(count);
    for (float& value : values) value = normal(random);
    return values;
  };
  const Model model{draw(kRows * kIn), draw(kIn * kHidden), draw(kHidden * kOut)};
  std::vector<double> expected, size;
  model.Reference(expected, size);
  // Each of the kIn + kHidden additions and products rounds by half a unit of what has been summed, at most `size`.
  const double unit = (kIn + kHidden + 2) * double{std::numeric_limits<float>::epsilon()} / 2;
  for (const int ranks : {1, 2}) {
    const auto results = RunOn(model, ranks);
    for (const auto& result : results) {
      for (size_t i = 0; i < result.size(); ++i) EXPECT_NEAR(result[i], expected[i], unit * size[i]);
      EXPECT_EQ(result, results[0]);  // the same on every rank, bit for bit
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Devices, TensorParallelTest, ::testing::Values("Cpu", "Fake"),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace plimsoll::runtime::conformance
