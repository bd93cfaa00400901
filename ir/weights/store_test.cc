#include "ir/weights/store.h"

#include <gtest/gtest.h>
