// Host functions on small cases worked out by hand, and on hostile indices. ONNX's own cases are run by the
// conformance test.
#include <cmath>
#include <cstring>
#include <limits>
#include <set>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/host/host_function.h"

namespace plimsoll::runtime {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// One call, its operands and its results.
class Call {
 public:
  explicit Call(const std::string& function) { call_.set_function(function); }

  template <typename T>
  Call& In(plan::DataType dtype, const std::vector<int64_t>& dims, const std::vector<T>& values) {
    return Add(inputs_, dtype, dims, {}, values);
  }
  Call& Absent() {
    call_.add_operand_types();
    inputs_.emplace_back();
    return *this;
  }
  // After all inputs. `open`: the dimensions that the function states, bounded by `dims`.
  template <typename T>
  Call& Out(plan::DataType dtype, const std::vector<int64_t>& dims, const std::vector<int>& open = {}) {
    int64_t count = 1;
    for (int64_t dim : dims) count *= dim;
    std::vector<int32_t> slots(open.empty() ? 0 : dims.size());
    for (int d : open) slots[d] = ++slot_count_;
    return Add(outputs_, dtype, dims, slots, std::vector<T>(count));
  }
  Call& Set(const std::string& name, int64_t value) {
    (*call_.mutable_attributes())[name].set_i(value);
    return *this;
  }
  Call& SetString(const std::string& name, const char* value) {
    (*call_.mutable_attributes())[name].set_s(value);
    return *this;
  }
  Call& Set(const std::string& name, const std::vector<int64_t>& values) {
    for (int64_t value : values) (*call_.mutable_attributes())[name].mutable_ints()->add_values(value);
    return *this;
  }

  Call& SetFloats(const std::string& name, const std::vector<double>& values) {
    for (double value : values) (*call_.mutable_attributes())[name].mutable_floats()->add_values(value);
    return *this;
  }

  absl::Status Run() {
    call_.set_inputs(static_cast<int>(inputs_.size()));
    slots_.assign(slot_count_, -1);
    std::vector<HostTensor> in, out;
    for (Operand& o : inputs_) in.push_back(o.Tensor());
    for (Operand& o : outputs_) out.push_back(o.Tensor());
    HostCallContext context(call_, absl::MakeSpan(in), absl::MakeSpan(out), absl::MakeSpan(slots_));
    HostFunction function = FindHostFunction(call_.function());
    if (function == nullptr) return absl::NotFoundError(call_.function());
    return function(context);
  }

  template <typename T>
  std::vector<T> Result(int i, int64_t count = -1) {
    const std::string& bytes = outputs_[i].bytes;
    std::vector<T> values(count < 0 ? bytes.size() / sizeof(T) : count);
    std::memcpy(values.data(), bytes.data(), values.size() * sizeof(T));
    return values;
  }
  int64_t slot(int i) const { return slots_[i]; }

 private:
  struct Operand {
    plan::DataType dtype = plan::DATA_TYPE_UNDEFINED;
    std::vector<int64_t> dims;
    std::string bytes;
    HostTensor Tensor() {
      return {dtype, dims, reinterpret_cast<std::byte*>(bytes.data()), static_cast<int64_t>(bytes.size())};
    }
  };

  template <typename T>
  Call& Add(std::vector<Operand>& list, plan::DataType dtype, const std::vector<int64_t>& dims,
            const std::vector<int32_t>& slots, const std::vector<T>& values) {
    plan::TensorType* type = call_.add_operand_types();
    type->set_dtype(dtype);
    for (int64_t dim : dims) type->add_dims(dim);
    for (int32_t slot : slots) type->add_slots(slot);
    list.push_back({dtype, dims, std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T))});
    return *this;
  }

  plan::HostCall call_;
  std::vector<Operand> inputs_, outputs_;
  std::vector<int64_t> slots_;
  int slot_count_ = 0;
};

TEST(HostTest, NamesAreUniqueAndFound) {
  std::set<std::string> names;
  for (const std::string& name : HostFunctionNames()) {
    EXPECT_TRUE(names.insert(name).second) << name;
    EXPECT_NE(FindHostFunction(name), nullptr);
  }
  EXPECT_EQ(FindHostFunction("no_such"), nullptr);
}

TEST(HostTest, TopKPrefersTheLowerIndexAndPutsNanFirst) {
  Call call("top_k");
  call.In<float>(plan::F32, {5}, {1, 3, 3, NAN, 2}).In<int64_t>(plan::I64, {1}, {4});
  call.Out<float>(plan::F32, {4}).Out<int64_t>(plan::I64, {4}).Set("axis", -1).Set("largest", 1);
  ASSERT_TRUE(call.Run().ok());
  EXPECT_THAT(call.Result<int64_t>(1), ElementsAre(3, 1, 2, 4));
}

TEST(HostTest, NonZeroStatesHowManyAndPacksThem) {
  Call call("non_zero");
  call.In<uint8_t>(plan::BOOL, {2, 3}, {1, 0, 1, 0, 1, 0}).Out<int64_t>(plan::I64, {2, 6}, {1});
  ASSERT_TRUE(call.Run().ok());
  EXPECT_EQ(call.slot(0), 3);
  EXPECT_THAT(call.Result<int64_t>(0, 6), ElementsAre(0, 0, 1, 0, 2, 1));
}

TEST(HostTest, UniqueKeepsFirstOccurrencesWhereNotSorted) {
  Call call("unique");
  call.In<int32_t>(plan::I32, {5}, {5, 2, 5, 9, 2}).Out<int32_t>(plan::I32, {5}, {0});
  call.Out<int64_t>(plan::I64, {5}, {0})
      .Out<int64_t>(plan::I64, {5})
      .Out<int64_t>(plan::I64, {5}, {0})
      .Set("sorted", 0);
  ASSERT_TRUE(call.Run().ok());
  EXPECT_EQ(call.slot(0), 3);
  EXPECT_THAT(call.Result<int32_t>(0, 3), ElementsAre(5, 2, 9));
  EXPECT_THAT(call.Result<int64_t>(1, 3), ElementsAre(0, 1, 3));
  EXPECT_THAT(call.Result<int64_t>(2), ElementsAre(0, 1, 0, 2, 1));
  EXPECT_THAT(call.Result<int64_t>(3, 3), ElementsAre(2, 2, 1));
}

TEST(HostTest, MoreThanTheBoundIsRefused) {
  Call call("non_zero");
  call.In<float>(plan::F32, {4}, {1, 1, 1, 1}).Out<int64_t>(plan::I64, {1, 3}, {1});
  const absl::Status status = call.Run();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("[1,4]"));
}

TEST(HostTest, ScatterReduces) {
  for (const auto& [reduction, want] : std::map<std::string, std::vector<float>>{
           {"none", {1, 7, 3}}, {"add", {1, 14, 3}}, {"mul", {1, 70, 3}}, {"max", {1, 7, 3}}, {"min", {1, 2, 3}}}) {
    Call call("scatter_elements");
    call.In<float>(plan::F32, {3}, {1, 2, 3}).In<int64_t>(plan::I64, {2}, {1, -2}).In<float>(plan::F32, {2}, {5, 7});
    call.Out<float>(plan::F32, {3}).Set("axis", 0).SetString("reduction", reduction.c_str());
    ASSERT_TRUE(call.Run().ok());
    EXPECT_EQ(call.Result<float>(0), want) << reduction;
  }
}

TEST(HostTest, HostileIndicesAreRefused) {
  for (int64_t index : {int64_t{3}, int64_t{-4}, INT64_MAX, INT64_MIN}) {
    Call scatter("scatter_elements");
    scatter.In<float>(plan::F32, {3}, {1, 2, 3}).In<int64_t>(plan::I64, {1}, {index}).In<float>(plan::F32, {1}, {5});
    scatter.Out<float>(plan::F32, {3});
    EXPECT_EQ(scatter.Run().code(), absl::StatusCode::kInvalidArgument) << index;
    Call nd("scatter_nd");
    nd.In<float>(plan::F32, {3}, {1, 2, 3}).In<int64_t>(plan::I64, {1, 1}, {index}).In<float>(plan::F32, {1}, {5});
    nd.Out<float>(plan::F32, {3});
    EXPECT_EQ(nd.Run().code(), absl::StatusCode::kInvalidArgument) << index;
    Call gather("gather_nd");
    gather.In<float>(plan::F32, {3}, {1, 2, 3}).In<int64_t>(plan::I64, {1, 1}, {index}).Out<float>(plan::F32, {1});
    EXPECT_EQ(gather.Run().code(), absl::StatusCode::kInvalidArgument) << index;
  }
  Call unpool("max_unpool");
  unpool.In<float>(plan::F32, {1, 1, 1, 1}, {1})
      .In<int64_t>(plan::I64, {1, 1, 1, 1}, {4})
      .Out<float>(plan::F32, {1, 1, 2, 2});
  unpool.Set("kernel_shape", std::vector<int64_t>{2, 2}).Set("strides", std::vector<int64_t>{2, 2});
  EXPECT_EQ(unpool.Run().code(), absl::StatusCode::kInvalidArgument);
  Call reverse("reverse_sequence");
  reverse.In<float>(plan::F32, {2, 1}, {1, 2}).In<int64_t>(plan::I64, {1}, {3}).Out<float>(plan::F32, {2, 1});
  EXPECT_EQ(reverse.Run().code(), absl::StatusCode::kInvalidArgument);
}

TEST(HostTest, MissingOperandsAreRefused) {
  for (const std::string& name : HostFunctionNames()) {
    EXPECT_FALSE(Call(name).Run().ok()) << name;
  }
}

TEST(HostTest, DftOfOddAndEvenLengthsInverts) {
  for (int64_t n : {1, 2, 5, 6, 8}) {
    std::vector<float> x;
    for (int64_t i = 0; i < 2 * n; ++i) x.push_back(static_cast<float>(i * i % 7));
    Call forward("dft");
    forward.In<float>(plan::F32, {1, n, 2}, x).Out<float>(plan::F32, {1, n, 2}).Set("axis", 1);
    ASSERT_TRUE(forward.Run().ok());
    Call back("dft");
    back.In<float>(plan::F32, {1, n, 2}, forward.Result<float>(0)).Out<float>(plan::F32, {1, n, 2}).Set("axis", 1);
    back.Set("inverse", 1);
    ASSERT_TRUE(back.Run().ok());
    const std::vector<float> again = back.Result<float>(0);
    for (size_t i = 0; i < x.size(); ++i) EXPECT_NEAR(again[i], x[i], 1e-4);
  }
}

// numpy.random.RandomState(0).uniform(size=3) and .randn(3).
TEST(HostTest, RandomNumbersAreThoseOfNumpy) {
  Call uniform("random_uniform");
  uniform.Out<double>(plan::F64, {3});
  ASSERT_TRUE(uniform.Run().ok());
  EXPECT_THAT(uniform.Result<double>(0),
              testing::Pointwise(testing::DoubleNear(1e-8), {0.5488135, 0.71518937, 0.60276338}));
  Call normal("random_normal");
  normal.Out<double>(plan::F64, {3});
  ASSERT_TRUE(normal.Run().ok());
  EXPECT_THAT(normal.Result<double>(0),
              testing::Pointwise(testing::DoubleNear(1e-8), {1.76405235, 0.40015721, 0.97873798}));
}

TEST(HostTest, DropoutDropsWhenTrainingOnly) {
  for (bool training : {false, true}) {
    Call call("dropout");
    call.In<float>(plan::F32, {4}, {1, 1, 1, 1})
        .In<float>(plan::F32, {}, {0.6f})
        .In<uint8_t>(plan::BOOL, {}, {training});
    call.Out<float>(plan::F32, {4}).Out<uint8_t>(plan::BOOL, {4});
    ASSERT_TRUE(call.Run().ok());
    // The draws of seed 0 are 0.549, 0.715, 0.603, 0.545.
    if (training) {
      EXPECT_THAT(call.Result<float>(0), ElementsAre(0, testing::FloatEq(2.5f), testing::FloatEq(2.5f), 0));
      EXPECT_THAT(call.Result<uint8_t>(1), ElementsAre(0, 1, 1, 0));
    } else {
      EXPECT_THAT(call.Result<float>(0), ElementsAre(1, 1, 1, 1));
      EXPECT_THAT(call.Result<uint8_t>(1), ElementsAre(1, 1, 1, 1));
    }
  }
  Call all("dropout");
  all.In<float>(plan::F32, {1}, {1}).In<float>(plan::F32, {}, {1.0f}).Out<float>(plan::F32, {1});
  EXPECT_FALSE(all.Run().ok());
}

TEST(HostTest, BitCastKeepsTheBytes) {
  Call call("bit_cast");
  call.In<float>(plan::F32, {2}, {1, -2}).Out<uint32_t>(plan::U32, {2});
  ASSERT_TRUE(call.Run().ok());
  EXPECT_THAT(call.Result<uint32_t>(0), ElementsAre(0x3f800000u, 0xc0000000u));
  Call narrow("bit_cast");
  narrow.In<float>(plan::F32, {2}, {1, -2}).Out<uint16_t>(plan::U16, {2});
  EXPECT_FALSE(narrow.Run().ok());
}

TEST(HostTest, PowersOfTwoRoundAsAsked) {
  auto rounded = [](const char* mode, const std::vector<float>& values) {
    Call call("round_to_power_of_two");
    call.SetString("round_mode", mode).In<float>(plan::F32, {static_cast<int64_t>(values.size())}, values);
    call.Out<uint16_t>(plan::BF16, {static_cast<int64_t>(values.size())});
    EXPECT_TRUE(call.Run().ok());
    return call.Result<uint16_t>(0);
  };
  // bf16 codes of 1, 2, 4: 0x3f80, 0x4000, 0x4080.
  EXPECT_THAT(rounded("up", {1, 1.01f, 3}), ElementsAre(0x3f80, 0x4000, 0x4080));
  EXPECT_THAT(rounded("down", {1, 1.99f, -3}), ElementsAre(0x3f80, 0x3f80, 0x4000));
  EXPECT_THAT(rounded("nearest", {1.4f, 1.5f, 0}), ElementsAre(0x3f80, 0x4000, 0x0040));
  EXPECT_THAT(rounded("up", {INFINITY, NAN, 3e38f}), ElementsAre(0x7fc0, 0x7fc0, 0x7f00));
}

TEST(HostTest, TfIdfCountsGramsWithSkips) {
  auto call = [](int64_t skips) {
    Call call("tf_idf_vectorizer");
    call.SetString("mode", "TF").Set("min_gram_length", 1).Set("max_gram_length", 2).Set("max_skip_count", skips);
    call.Set("ngram_counts", std::vector<int64_t>{0, 2}).Set("ngram_indexes", std::vector<int64_t>{0, 1, 2});
    call.Set("pool_int64s", std::vector<int64_t>{7, 8, 7, 9});  // 7; 8; 7 9
    call.In<int32_t>(plan::I32, {5}, {7, 9, 8, 7, 7}).Out<float>(plan::F32, {3});
    return call;
  };
  Call near = call(0);
  ASSERT_TRUE(near.Run().ok());
  EXPECT_THAT(near.Result<float>(0), ElementsAre(3, 1, 1));
  Call far = call(std::numeric_limits<int64_t>::max() - 1);
  ASSERT_TRUE(far.Run().ok());
  EXPECT_THAT(far.Result<float>(0), ElementsAre(3, 1, 1));
  Call bad = call(0);
  bad.Set("ngram_indexes", std::vector<int64_t>{99});  // a fourth: not used; the pool too short for it
  bad.Set("ngram_counts", std::vector<int64_t>{-1});
  EXPECT_FALSE(bad.Run().ok());
}

TEST(HostTest, TreeEnsembleRefusesWhatIsNoTree) {
  auto call = [](int64_t feature, int64_t successor) {
    Call call("tree_ensemble");
    call.Set("nodes_featureids", std::vector<int64_t>{feature, 0}).Set("nodes_modes", std::vector<int64_t>{0, 0});
    call.Set("nodes_truenodeids", std::vector<int64_t>{successor, 0})
        .Set("nodes_falsenodeids", std::vector<int64_t>{0, 1});
    call.Set("nodes_trueleafs", std::vector<int64_t>{0, 1}).Set("nodes_falseleafs", std::vector<int64_t>{1, 1});
    call.SetFloats("nodes_splits", {1, 0}).SetFloats("leaf_weights", {10, 20});
    call.Set("leaf_targetids", std::vector<int64_t>{0, 1}).Set("tree_roots", std::vector<int64_t>{0});
    call.In<float>(plan::F32, {3, 1}, {-1, 0.5f, 2}).Out<float>(plan::F32, {3, 2});
    return call;
  };
  Call good = call(0, 1);
  ASSERT_TRUE(good.Run().ok());
  EXPECT_THAT(good.Result<float>(0), ElementsAre(10, 0, 0, 20, 10, 0));
  EXPECT_FALSE(call(0, 0).Run().ok());  // a cycle
  EXPECT_FALSE(call(1, 1).Run().ok());  // no such feature
  EXPECT_FALSE(call(0, -1).Run().ok());
}

TEST(HostTest, RandomNumbersFollowTheSeed) {
  auto draw = [](double seed) {
    Call call("random_normal");
    call.Out<float>(plan::F32, {1000});
    call.Set("seed", static_cast<int64_t>(seed));
    EXPECT_TRUE(call.Run().ok());
    return call.Result<float>(0);
  };
  const std::vector<float> x = draw(1);
  EXPECT_EQ(x, draw(1));
  double mean = 0, square = 0;
  for (float v : x) {
    mean += v / 1000;
    square += v * v / 1000;
  }
  EXPECT_NEAR(mean, 0, 0.1);
  EXPECT_NEAR(square, 1, 0.15);
}

}  // namespace
}  // namespace plimsoll::runtime
