// What tests of the dialect share: a context, a block to build in, and constants written as MLIR writes them.
#pragma once

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "ir/graph/build.h"
#include "mlir/AsmParser/AsmParser.h"

namespace plimsoll::graph {

class GraphTest : public testing::Test {
 protected:
  GraphTest() : builder(&context), location(builder.getUnknownLoc()), module(mlir::ModuleOp::create(location)) {
    context.loadDialect<GraphDialect>();
    builder.setInsertionPointToEnd(module->getBody());
  }

  mlir::RankedTensorType type(llvm::StringRef text) {
    return llvm::cast<mlir::RankedTensorType>(mlir::parseType(text, &context));
  }
  // "dense<[1, 2]> : tensor<2xi64>" as a graph.constant.
  mlir::Value constant(const std::string& text) {
    auto elements = llvm::dyn_cast_or_null<mlir::DenseElementsAttr>(mlir::parseAttribute(text, &context));
    EXPECT_TRUE(elements) << text;
    return build::constant(builder, location, elements);
  }
  // A value that is not known.
  mlir::Value input(llvm::StringRef text) {
    return builder.create<WeightOp>(location, type(text), uint64_t{0}, "input").getResult();
  }
  static std::string text(mlir::Type type) {
    std::string result;
    llvm::raw_string_ostream(result) << type;
    return result;
  }

  // The constant's elements as doubles; none if it is no constant.
  static std::vector<double> values(mlir::FailureOr<mlir::Value> value) {
    if (mlir::failed(value)) return {};
    auto elements = build::floatsOf(*value);
    EXPECT_TRUE(elements) << "not folded";
    return elements ? std::vector<double>(elements->begin(), elements->end()) : std::vector<double>();
  }

  mlir::MLIRContext context;
  mlir::OpBuilder builder;
  mlir::Location location;
  mlir::OwningOpRef<mlir::ModuleOp> module;
};

}  // namespace plimsoll::graph
