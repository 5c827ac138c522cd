"""The small dense network inside a network with structured sparsity: dead filters, rows and channels really removed.

A channel of a value is *constant* when no input of the network can move it: the output of a filter whose weights are all
0 is its bias, and batch normalisation and activations map constants to constants. It is *needed* when somebody
multiplies it with a non-zero weight, or when somebody that is not understood here sees it. What is not needed goes, from
every layer that makes it or hands it on; what is constant and multiplied goes into the next layer's bias.

situation                              | what happens
---------------------------------------|-------------------------------------------------------------------------
sum of branches (residual)             | a channel goes when it is constant, or not used, *in the sum*; then in all summands
concatenation                          | each part on its own
constant ≠ 0 into a zero-padded conv   | stays: at the border it is no constant, so no bias can stand for it
constant 0 into a zero-padded conv     | goes
constant into other convs, linear      | into the bias, exactly
alive, but multiplied by zeros only    | goes (dead columns, dead input channels)
depthwise convolution                  | goes with its channel
grouped convolution, layer norm, …     | their inputs and outputs stay as they are, and the report says so
a whole layer dead                     | one channel stays, for the sake of every layer's shape

file            | what it does
----------------|-----------------------------------------------------------------------
`tracing`       | the model as a graph (torch.fx), its shapes, and which modules may be changed
`channels`      | the channels of all values: which are the same, constant, kept
`propagation`   | walks through the graph; what is not understood keeps everything that it touches
`layer_rules`   | convolutions, linear maps, batch normalisation
`value_rules`   | activations, pooling, sums, concatenation, reshaping
`shrinking`     | cuts the layers
`compaction`    | all of it, with the check that the outputs are the same
`report`        | what was done

The same analysis serves training, while whole filters and rows are frozen at zero for a phase: `training` has the context
`compact_compute`, `network` runs a model in the smaller network, `phases` says what is frozen, `phase_rules` what is constant
then, `constants` computes the constants, which move, and `gathering` gives the small layers the kept parts of the full ones.
"""

from .compaction import Compacted, compact
from .report import CompactReport, LayerChange
from .tracing import CompactError

__all__ = ["CompactError", "CompactReport", "Compacted", "LayerChange", "compact"]
