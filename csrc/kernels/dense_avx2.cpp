// Built with -mavx2; called only where the processor has it.
#include "kernels/dense_lanes.h"

#if defined(__x86_64__)
namespace recstream::kernels {

const DenseTable kDenseAvx2 = table_of<Dense<4, 4, 2>>();

}  // namespace recstream::kernels
#endif
