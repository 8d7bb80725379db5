import { Tensor } from '../../../session/session.ts';
import type { Adapter } from '../../bundle/adapter.ts';
import { type Moment, besidePrefixCount, featuresOf } from '../../choice/moment.ts';
import type { Turn } from '../../chunkPolicy.ts';
import type { Feeds, SampleRequest } from '../../family.ts';
import type { Adaptable } from '../../learnable.ts';
import { exploredRow, isSteerable } from '../../steering/steering.ts';
import { type SteeringShape, steeringParameters } from '../../steering/steeringGraph.ts';
import { type Tickets, playedTicket } from '../../ticket.ts';
import { elementCount } from '../../../onnx/dim.ts';

/** What steers the noise of a policy's chunks. */
export interface NoiseSteering {
  /**
   * The graph's inputs that steer a request's noise, unless it has a ticket or cannot be steered; without a request so
   * that nothing is steered. See steered in graphs.ts.
   */
  feeds(request?: SampleRequest): Feeds;
  /** Steers as an adapter says, in a graph of this shape; undefined where the graph cannot. */
  adopt(adapter: Steered | undefined, shape: SteeringShape | undefined): void;
}

type Steered = Pick<Adapter, 'steering'> & Tickets;

const tensor = (data: Float32Array, dims: readonly number[] = [data.length]) =>
  new Tensor('float32', data, dims);

/** Numbers as inputs of a graph: ONNX Runtime takes no shared memory. */
const weightsOf = ({ parameters, scale }: NonNullable<Steered['steering']>): Feeds => ({
  ...Object.fromEntries(
    [...parameters].map(([name, { shape, data }]) => [name, tensor(data.slice(), shape)]),
  ),
  'steering.mean': tensor(scale.mean.slice()),
  'steering.width': tensor(scale.deviation.map((value) => (value === 0 ? 0 : 1 / value))),
});

/** The same where there is nothing to steer by. */
const noWeights = (shape: SteeringShape): Feeds => ({
  ...Object.fromEntries(
    steeringParameters(shape).map(({ name, shape: dims }) => [
      name,
      tensor(new Float32Array(elementCount(dims) as number), dims),
    ]),
  ),
  'steering.mean': tensor(new Float32Array(shape.features)),
  'steering.width': tensor(new Float32Array(shape.features)),
});

/** Opens the steering of a policy. */
export function openSteering(
  policy: Adaptable,
  momentOf: (turn: Turn, state: Float64Array, pooled: Float32Array) => Moment,
): NoiseSteering {
  const { actionDim } = policy;
  const rest = besidePrefixCount(policy);
  let current: Steered | undefined;
  let weights: Feeds | undefined;

  const steeredTurn = ({ noise, turn }: SampleRequest): Turn | undefined =>
    current?.steering && isSteerable(noise, turn) && playedTicket(current, noise) === undefined
      ? turn
      : undefined;

  return {
    feeds(request) {
      if (!weights) return {};
      const turn = request && steeredTurn(request);
      const moment = turn ? featuresOf(momentOf(turn, request.state, new Float32Array())) : new Float32Array(rest); // prettier-ignore
      const explored = turn ? exploredRow(request.noise, current!.steering!.spread, actionDim) : new Float32Array(actionDim); // prettier-ignore
      return {
        ...weights,
        'steering.moment': tensor(moment, [1, rest]),
        'steering.explored': tensor(explored, [1, actionDim]),
        'steering.share': tensor(Float32Array.of(turn ? 1 : 0), []),
      };
    },
    adopt(adapter, shape) {
      current = adapter;
      weights = adapter?.steering ? weightsOf(adapter.steering) : shape && noWeights(shape);
    },
  };
}
