import type { Turn } from '../../chunkPolicy.ts';
import type { Moment } from '../../choice/moment.ts';
import type { PolicyTransforms } from '../../vectors/transforms.ts';

/** Says what critics are told of the moment of a chunk, in the policy's numbers; `state` [joints] is the robot's. */
export const momentsOf =
  (transforms: PolicyTransforms, actionDim: number) =>
  ({ committed, elapsed, delay }: Turn, state: Float64Array, pooled: Float32Array): Moment => ({
    ...{ pooled, elapsed, delay },
    state: transforms.state(state),
    committed: committed ? transforms.targets(committed, state) : new Float32Array(actionDim),
  });
