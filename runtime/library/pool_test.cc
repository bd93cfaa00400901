// Pooling against loops written here.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "gtest/gtest.h"
#include "runtime/library/library.h"
#include "runtime/library/testing/operation.h"

namespace plimsoll::runtime {
namespace {

TEST(PoolTest, AgreesWithLoops) {
  const Dims src{2, 3, 9, 10};
  const auto x = Random<float>(Count(src), 1);
  for (plan::Pool::Kind kind :
       {plan::Pool::MAX, plan::Pool::AVERAGE_INCLUDE_PADDING, plan::Pool::AVERAGE_EXCLUDE_PADDING}) {
    for (int64_t dilation : {1, 2}) {
      const int64_t kernel = 3, stride = 2, begin = 1, end = 2;  // the end pad reaches further, as in ceil mode
      const int64_t range = (kernel - 1) * dilation + 1;
      const Dims dst{2, 3, (9 + begin + end - range) / stride + 1, (10 + begin + end - range) / stride + 1};
      plan::LibraryOp op;
      plan::Pool& pool = *op.mutable_pool();
      pool.set_kind(kind);
      SetDesc(pool.mutable_src(), plan::F32, src);
      SetDesc(pool.mutable_dst(), plan::F32, dst);
      for (int i = 0; i < 2; ++i) {
        pool.add_kernel(kernel);
        pool.add_strides(stride);
        pool.add_dilations(dilation);
        pool.add_pads_begin(begin);
        pool.add_pads_end(end);
      }
      std::vector<float> out(Count(dst)), want;
      EXPECT_OK(Execute(op, {(void*)x.data(), out.data()}));
      Dims index(4);
      do {
        double best = -1e30, sum = 0;
        int inside = 0;
        for (int64_t i = 0; i < kernel * kernel; ++i) {
          const int64_t h = index[2] * stride - begin + i / kernel * dilation;
          const int64_t w = index[3] * stride - begin + i % kernel * dilation;
          if (h < 0 || h >= src[2] || w < 0 || w >= src[3]) continue;
          const float value = x[At(Dense(src), {index[0], index[1], h, w})];
          best = std::max<double>(best, value);
          sum += value;
          ++inside;
        }
        want.push_back(static_cast<float>(kind == plan::Pool::MAX                       ? best
                                          : kind == plan::Pool::AVERAGE_INCLUDE_PADDING ? sum / (kernel * kernel)
                                                                                        : sum / inside));
      } while (Next(index, dst));
      ExpectNear(out, want);
    }
  }
}

}  // namespace
}  // namespace plimsoll::runtime
