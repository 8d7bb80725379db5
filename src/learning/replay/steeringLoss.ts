import { Graph, type Value } from '../../onnx/graph.ts';
import {
  add,
  concat,
  detach,
  divide,
  multiply,
  power,
  reshape,
  subtract,
  transpose,
} from '../../onnx/operators.ts';
import { MOMENTS } from '../../policy/choice/chunkCriticGraph.ts';
import { type Networks, lastLayer, layerParameters } from '../../policy/choice/layers.ts';
import {
  type SteeringShape,
  steeredRow,
  steeringParameters,
} from '../../policy/steering/steeringGraph.ts';
import type { Parameter } from '../../policy/trainable.ts';
import { withGradients } from '../train/withGradients.ts';
import { perMoment } from './chunkCriticLoss.ts';

/** What networks of gains estimate counts in this much expected reward, so that it is of the order of 1. */
export const GAIN = 0.05;

/** Sizes of what learns to steer: `count` networks estimate what noise gains. */
export interface SteeringLossShape extends SteeringShape {
  count: number;
}

const gainsOf = ({ count, hidden, features, actionDim }: SteeringLossShape): Networks => ({
  ...{ name: 'n', count },
  widths: [features + actionDim, ...hidden, 1],
});

/** Parameters of the networks of gains, then of the one that steers; see layerParameters. */
export function steeringLossParameters(shape: SteeringLossShape): Parameter[] {
  const { name, count, widths } = gainsOf(shape);
  return [...layerParameters(name, count, widths), ...steeringParameters(shape)];
}

/**
 * Inputs: standardised features [batch, features], rows of noise [batch, actionDim], and gains [batch], what each led to
 * in expected reward beyond zero noise, in units of GAIN. Outputs: loss and gradient.NAME. Networks of gains: squared
 * error. The one that steers raises their mean at the row that it says, less what the row costs: `price`, in expected
 * reward, for half its squared length. It changes nothing of the others.
 */
export function steeringLossGraph(shape: SteeringLossShape, price: number): Graph {
  const graph = new Graph('steering loss');
  const features = graph.input('features', 'float32', [MOMENTS, shape.features]);
  const rows = graph.input('rows', 'float32', [MOMENTS, shape.actionDim]);
  const gains = graph.input('gains', 'float32', [MOMENTS]);
  const estimates = (noise: Value, weightOf?: (value: Value) => Value) =>
    reshape(lastLayer(graph, gainsOf(shape), concat([features, noise], 1), weightOf), [
      shape.count,
      MOMENTS,
    ]);
  const error = perMoment(power(subtract(estimates(rows), gains), 2));
  const said = steeredRow(graph, shape, features);
  const gained = divide(perMoment(estimates(said, detach)), shape.count);
  const cost = multiply(perMoment(transpose(power(said, 2), [1, 0])), price / (2 * GAIN));
  graph.output('loss', add(error, subtract(cost, gained)));
  return withGradients(
    graph,
    steeringLossParameters(shape).map(({ name }) => name),
  );
}
