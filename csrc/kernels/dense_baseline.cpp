#include "kernels/dense_lanes.h"

namespace recstream::kernels {

const DenseTable kDenseBaseline = table_of<Dense<2, 2, 4>>();

}  // namespace recstream::kernels
