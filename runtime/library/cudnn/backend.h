// The words of cuDNN's graph interface ("backend" in its names): kinds of descriptors, their attributes, the types of
// attributes and what these may be. Declarations of our own, so that nothing of CUDA is needed to build;
// backend_header_test.cc holds them to NVIDIA's headers (cuDNN 9). How descriptors make a graph is told in
// https://docs.nvidia.com/deeplearning/cudnn/backend/latest/.
#pragma once

#include <cstdint>

namespace plimsoll::runtime::cudnn::backend {

// Opaque; owned by whoever created it.
using Descriptor = void*;

enum class DescriptorType : int {
  kPointwise = 0,
  kConvolution = 1,
  kEngine = 2,
  kEngineConfig = 3,
  kEngineHeuristics = 4,
  kExecutionPlan = 5,
  kConvolutionForward = 10,
  kConvolutionBackwardFilter = 11,
  kConvolutionBackwardData = 12,
  kPointwiseOperation = 13,
  kOperationGraph = 15,
  kVariantPack = 16,
  kTensor = 17,
  kMatmul = 18,
  kMatmulOperation = 19,
  kReduction = 21,
  kReductionOperation = 22,
  kReshapeOperation = 31,
  kDeviceProperties = 38,  // since 9.8: stands for a device that is not there
};

enum class Attribute : int {
  kPointwiseMode = 0,
  kPointwisePrecision = 1,
  kPointwiseReluLowerClip = 3,
  kPointwiseReluUpperClip = 4,
  kPointwiseReluLowerClipSlope = 5,
  kPointwiseSwishBeta = 8,
  kPointwiseAxis = 9,

  kConvolutionComputeType = 100,
  kConvolutionMode = 101,
  kConvolutionDilations = 102,
  kConvolutionStrides = 103,
  kConvolutionPostPaddings = 104,
  kConvolutionPrePaddings = 105,
  kConvolutionSpatialDims = 106,

  kHeuristicsMode = 200,
  kHeuristicsOperationGraph = 201,
  kHeuristicsResults = 202,
  kHeuristicsDeviceProperties = 204,

  kEngineConfigEngine = 300,
  kEngineConfigWorkspaceSize = 303,

  kPlanHandle = 400,
  kPlanEngineConfig = 401,
  kPlanWorkspaceSize = 402,
  kPlanDeviceProperties = 407,

  kForwardAlpha = 700,
  kForwardBeta = 701,
  kForwardConvolution = 702,
  kForwardW = 703,
  kForwardX = 704,
  kForwardY = 705,
  kBackwardDataAlpha = 706,
  kBackwardDataBeta = 707,
  kBackwardDataConvolution = 708,
  kBackwardDataW = 709,
  kBackwardDataDx = 710,
  kBackwardDataDy = 711,
  kBackwardFilterAlpha = 712,
  kBackwardFilterBeta = 713,
  kBackwardFilterConvolution = 714,
  kBackwardFilterDw = 715,
  kBackwardFilterX = 716,
  kBackwardFilterDy = 717,

  kPointwiseOperationPointwise = 750,
  kPointwiseOperationX = 751,
  kPointwiseOperationB = 752,
  kPointwiseOperationY = 753,
  kPointwiseOperationT = 758,  // the condition of a select

  kGraphHandle = 800,
  kGraphOperations = 801,

  kTensorByteAlignment = 900,
  kTensorDataType = 901,
  kTensorDimensions = 902,
  kTensorStrides = 903,
  kTensorUniqueId = 906,
  kTensorIsVirtual = 907,
  kTensorIsByValue = 908,

  kPackUniqueIds = 1000,
  kPackDataPointers = 1001,
  kPackWorkspace = 1003,

  kEngineOperationGraph = 1300,
  kEngineGlobalIndex = 1301,
  kEngineNumericalNotes = 1303,
  kEngineBehaviorNotes = 1305,
  kEngineDeviceProperties = 1307,

  kMatmulComputeType = 1500,
  kMatmulOperationA = 1520,
  kMatmulOperationB = 1521,
  kMatmulOperationC = 1522,
  kMatmulOperationMatmul = 1523,

  kReductionOperator = 1600,
  kReductionComputeType = 1601,
  kReductionIsDeterministic = 1602,  // since 9.11
  kReductionOperationX = 1610,
  kReductionOperationY = 1611,
  kReductionOperationReduction = 1612,

  kReshapeOperationX = 2200,
  kReshapeOperationY = 2201,

  kDevicePropertiesJson = 2702,
};

// What SetAttribute and GetAttribute are told of the elements.
enum class AttributeType : int {
  kHandle = 0,
  kDataType = 1,
  kBoolean = 2,  // of one byte
  kInt64 = 3,
  kFloat = 4,
  kDouble = 5,
  kVoidPointer = 6,
  kConvolutionMode = 7,
  kHeuristicsMode = 8,
  kNumericalNote = 11,
  kPointwiseMode = 14,
  kDescriptor = 15,
  kReductionOperator = 18,
  kBehaviorNote = 19,
  kChar = 24,
};

enum class PointwiseMode : int {
  kAdd = 0,
  kMul = 1,
  kMin = 2,
  kMax = 3,
  kSqrt = 4,
  kDiv = 6,
  kSub = 9,
  kAbs = 10,
  kExp = 13,
  kLog = 15,
  kIdentity = 21,
  kReluForward = 100,
  kTanhForward = 101,
  kSigmoidForward = 102,
  kEluForward = 103,
  kGeluForward = 104,
  kSoftplusForward = 105,
  kSwishForward = 106,
  kGeluTanhForward = 107,
  kCompareGreaterEqual = 303,
  kGenIndex = 501,
  kSelect = 601,  // t ? x : b
};

enum class ReductionOperator : int { kAdd = 0, kMax = 3 };

// Where engine configurations come from: by an estimate, the fastest first (A), or whatever works (fallback).
enum class HeuristicsMode : int { kFallback = 2, kA = 3 };

// What an engine says of its arithmetic.
enum class NumericalNote : int {
  kTensorCore = 0,  // of f32: by TF32
  kDownConvertInputs = 1,
  kReducedPrecisionReduction = 2,
  kFft = 3,
  kNonDeterministic = 4,
  kWinograd = 5,
  kWinogradTile4x4 = 6,
  kWinogradTile6x6 = 7,
  kWinogradTile13x13 = 8,
  kCount = 10,
};

enum class BehaviorNote : int {
  kRuntimeCompilation = 0,  // its kernel is compiled when the plan is finalized
  kCount = 5,
};

}  // namespace plimsoll::runtime::cudnn::backend
