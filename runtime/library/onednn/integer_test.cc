// The tiles of 8-bit products against loops, with each instruction set that this CPU has.
#include "runtime/library/onednn/integer.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "gtest/gtest.h"

namespace plimsoll::runtime::onednn {
namespace {

// Half of the numbers are at the ends of the range, where sums of 16 bits would saturate.
template <typename T>
std::vector<T> Bytes(int64_t count, int seed) {
  std::mt19937 generator(seed);
  std::vector<T> bytes(count);
  for (T& byte : bytes) {
    byte = static_cast<T>(generator());
    if (generator() % 2 == 0)
      byte = std::numeric_limits<T>::max();
    else if (generator() % 4 == 0)
      byte = std::numeric_limits<T>::min();
  }
  return bytes;
}

template <typename L, typename R>
void CheckTiles(TileIsa isa) {
  for (int64_t k : {1, 3, 4, 7, 64, 515}) {
    for (int64_t rows = 1; rows <= kTileRows; ++rows) {
      for (int64_t columns : {1, 16, 17, 63, 64}) {
        SCOPED_TRACE(testing::Message() << "k " << k << " rows " << rows << " columns " << columns);
        const int64_t width = columns + 5, row_bytes = 4 * Quads(k);
        const auto left = Bytes<L>(rows * k, 1);
        const auto right = Bytes<R>(k * width, 2);
        const auto left_zeros = Bytes<L>(rows, 3);
        const auto right_zeros = Bytes<R>(columns, 4);
        std::vector<int8_t> packed_left(rows * row_bytes);
        std::vector<uint8_t> packed_right(Quads(k) * kQuadBytes, 0x5a);
        std::vector<int32_t> sums(kTileColumns), zeros(kTileColumns), tile(kTileRows * kTileColumns, -1);
        PackColumns(right.data(), width, k, columns, Side<R>::kRightFlip, packed_right.data());
        SumColumns(isa, packed_right.data(), Quads(k), sums.data());
        for (int64_t c = 0; c < columns; ++c) zeros[c] = Side<R>::RightZero(right_zeros[c]);
        for (int64_t r = 0; r < rows; ++r) {
          CopyBytes(left.data() + r * k, 1, k, Side<L>::kLeftFlip, packed_left.data() + r * row_bytes);
        }
        MultiplyTile(isa, packed_left.data(), row_bytes, rows, packed_right.data(), Quads(k), columns, tile.data());
        for (int64_t r = 0; r < rows; ++r) {
          const LeftRow row = LeftRowOf(packed_left.data() + r * row_bytes, k, Side<L>::LeftZero(left_zeros[r]));
          TakeOutZeros(row, zeros.data(), sums.data(), tile.data() + r * kTileColumns);
          for (int64_t c = 0; c < columns; ++c) {
            int64_t want = 0;
            for (int64_t i = 0; i < k; ++i) {
              want += (int64_t{left[r * k + i]} - left_zeros[r]) * (int64_t{right[i * width + c]} - right_zeros[c]);
            }
            ASSERT_EQ(tile[r * kTileColumns + c], want) << "row " << r << " column " << c;
          }
        }
      }
    }
  }
}

class TileTest : public testing::TestWithParam<TileIsa> {};

TEST_P(TileTest, ProductsAreExactForAllFourTypePairs) {
  if (!HasTileIsa(GetParam())) GTEST_SKIP() << "not an instruction set of this CPU";
  CheckTiles<uint8_t, int8_t>(GetParam());
  CheckTiles<int8_t, int8_t>(GetParam());
  CheckTiles<uint8_t, uint8_t>(GetParam());
  CheckTiles<int8_t, uint8_t>(GetParam());
}

INSTANTIATE_TEST_SUITE_P(InstructionSets, TileTest, testing::Values(TileIsa::kVnni, TileIsa::kAvx2, TileIsa::kPlain));

TEST(RowsTest, CopyTakesAnyStride) {
  const auto from = Bytes<uint8_t>(1000, 5);
  for (int64_t stride : {1, 2, 3, 7}) {
    std::vector<uint8_t> to(100);
    CopyBytes(from.data(), stride, 100, 0x80, to.data());
    for (int64_t i = 0; i < 100; ++i) ASSERT_EQ(to[i], from[i * stride] ^ 0x80);
  }
}

TEST(RowsTest, QuantizesAsDynamicQuantizeLinear) {
  const std::vector<float> rows = {-1.0f, 0.0f, 2.0f, 0.5f, 1.0f, -0.25f};  // two rows of three
  std::vector<int8_t> bytes(8, 77);
  const Quantized quantized = QuantizeRows(rows.data(), 2, 3, bytes.data());
  EXPECT_FLOAT_EQ(quantized.scale, 3.0f / 255);
  EXPECT_EQ(quantized.zero, 85 - 128);
  const std::vector<int8_t> want = {0 - 128, 85 - 128, 127, 0, 127 - 128, 170 - 128, 64 - 128, 0};
  EXPECT_EQ(bytes, want);
}

}  // namespace
}  // namespace plimsoll::runtime::onednn
