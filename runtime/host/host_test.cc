// Host functions on small cases worked out by hand, and on hostile indices. ONNX's own cases are run by the
// conformance test.
#include <cmath>
#include <cstring>
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
  call.Out<int64_t>(plan::I64, {5}, {0}).Out<int64_t>(plan::I64, {5}).Out<int64_t>(plan::I64, {5}, {0}).Set("sorted", 0);
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
  unpool.In<float>(plan::F32, {1, 1, 1, 1}, {1}).In<int64_t>(plan::I64, {1, 1, 1, 1}, {4}).Out<float>(plan::F32, {1, 1, 2, 2});
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
