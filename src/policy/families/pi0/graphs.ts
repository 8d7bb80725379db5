import type { ElementType } from '../../../tensors/elementType.ts';
import type { Dim } from '../../../onnx/dim.ts';
import { Graph, type Value } from '../../../onnx/graph.ts';
import {
  add,
  concat,
  forEachSample,
  gather,
  greater,
  loop,
  maximum,
  minimum,
  multiply,
  reduceMean,
  reshape,
  sizeOf,
  subtract,
  where,
} from '../../../onnx/operators.ts';
import { type Pi0Config, hasStateToken } from './config.ts';
import { TABLE_ROWS } from '../../integration.ts';
import { denoise, encodeState, keepTimes, projectTime } from './expert.ts';
import { type Guidance, guided } from './guidance.ts';
import { fusedLayers } from '../../paligemma/kernels.ts';
import { encodePrefix } from '../../paligemma/prefix.ts';
import { BATCH, type ImageInput, prefixInputs } from '../../paligemma/prefixInputs.ts';
import type { SampledJoin } from '../../joinKinds.ts';
import { type SteeringShape, steeredRow } from '../../steering/steeringGraph.ts';
import { REACH } from '../../../tensors/scale.ts';
import type { Cache, Weights, WeightSource } from '../../paligemma/network.ts';

const CALLS = 'calls';
/** Chunks that are sampled for one observation. */
const CANDIDATES = 'candidates';

/**
 * The cache that actions attend to. π0 adds the state's token, with `state` [batch, stateDim] as an input
 * of the graph; π0.5 has read the state in the prompt.
 */
export function observedCache(
  graph: Graph,
  weights: Weights,
  prefix: Cache,
  config: Pi0Config,
): Cache {
  if (!hasStateToken(config)) return prefix;
  const state = graph.input('state', 'float32', [BATCH, config.stateDim]);
  return encodeState(weights, state, prefix, config);
}

/** The chunk in play as a graph has it. */
export interface Previous extends Omit<Guidance, 'kind'> {
  /** Where rows are kept, weights are 0 or 1. */
  kind: SampledJoin;
}

/** What bends a flow on its way. */
export interface Bends {
  /** [calls, batch, horizon, actionDim] added after each network call. */
  exploration?: Value;
  previous?: Previous;
}

/** The chunk in play as a graph's inputs: previous [batch, horizon, actionDim], prefix_weights [batch, horizon, 1]. */
export function previousInputs(
  graph: Graph,
  kind: SampledJoin,
  { horizon, actionDim }: Pi0Config,
  batch: Dim = BATCH,
): Previous {
  return {
    kind,
    rows: graph.input('previous', 'float32', [batch, horizon, actionDim]),
    weights: graph.input('prefix_weights', 'float32', [batch, horizon, 1]),
  };
}

/** The integration's table as a graph's input, see integrationTable. */
export const integrationInput = (graph: Graph): Value =>
  graph.input('integration', 'float32', [TABLE_ROWS.length, CALLS]);

/** The rows of an integration's table by name, each [calls]. */
function tableRows(table: Value): Record<(typeof TABLE_ROWS)[number], Value> {
  const rows = TABLE_ROWS.map((name, i) => {
    const index = table.graph.constant('int64', [i], []);
    return [name, gather(table, index)];
  });
  return Object.fromEntries(rows) as ReturnType<typeof tableRows>;
}

/**
 * Integrates the flow from noise at t = 1 to actions at t = 0, both [batch, horizon, actionDim], with one
 * network call a column of `table` (see integrationTable). Exploration is added and rows are kept where a step
 * of the solver ends; where it explores, also gives `states` [calls, batch, horizon, actionDim], x after each call.
 */
export function integrate(
  weights: Weights,
  noise: Value,
  table: Value,
  cache: Cache,
  config: Pi0Config,
  { exploration, previous }: Bends = {},
): { actions: Value; states?: Value } {
  const kept = previous?.kind === 'trained' ? previous : undefined;
  const guidance: Guidance | undefined =
    previous && previous.kind !== 'trained' ? { ...previous, kind: previous.kind } : undefined;
  const keep = (x: Value) => (kept ? add(x, multiply(kept.weights, subtract(kept.rows, x))) : x);

  const rows = tableRows(table);
  const projectedTimes = projectTime(weights, rows.time, config);
  const isEnd = greater(rows.ends, 0.5);
  const start = keep(noise);
  const none = multiply(noise, 0);
  // State: where the network is evaluated, where the solver's step began, and the velocity before.
  const step = (call: Value, [x, begin, before]: readonly Value[]) => {
    const at = (row: Value) => gather(row, call);
    const atCall = gather(projectedTimes, call);
    const projected = kept ? keepTimes(weights, atCall, kept.weights, config) : atCall;
    const free = denoise(weights, x, projected, cache, config);
    const velocity = guidance
      ? guided(free, x, { time: at(rows.time), most: at(rows.guidance) }, guidance)
      : free;
    const moved = add(
      add(begin, multiply(velocity, at(rows.velocity))),
      multiply(before, at(rows.previous)),
    );
    const next = keep(exploration ? add(moved, gather(exploration, call)) : moved);
    const carried = [next, where(at(isEnd), next, begin), velocity];
    return exploration ? [...carried, next] : carried;
  };
  const results = loop(sizeOf(table, 1), [start, start, none], step, CALLS);
  return { actions: results[0], states: results.at(3) };
}

/** Numbers of `prefixFeatures`. */
export const featureCount = ({ language: { kvHeads, headDim } }: Pi0Config): number =>
  kvHeads * headDim;

/** The mean of the last layer's values over a prefix's tokens, [batch, kvHeads·headDim]: what critics read of it. */
function prefixFeatures({ layers }: Cache, config: Pi0Config): Value {
  const { values } = layers[layers.length - 1];
  return reshape(reduceMean(values, [2], false), [values.shape[0], featureCount(config)], values);
}

/**
 * Noise [samples, horizon, actionDim], or where the input steering.share [] is 1 and not 0 a row that a network says in
 * the place of each of its rows. Its other inputs, beside the network's parameters: steering.moment [1, features − pooled], what it sees beside the prefix;
 * steering.mean and steering.width [features], which standardise all it sees, the width a reciprocal deviation; and
 * steering.explored [1, actionDim].
 */
function steered(graph: Graph, noise: Value, pooled: Value, shape: SteeringShape): Value {
  const { features, actionDim } = shape;
  const input = (name: string, dims: number[]) => graph.input(`steering.${name}`, 'float32', dims);
  const moment = input('moment', [1, features - (pooled.shape[1] as number)]);
  const seen = concat([pooled, forEachSample(moment, pooled)], 1);
  const centred = subtract(seen, input('mean', [features]));
  const standard = maximum(minimum(multiply(centred, input('width', [features])), REACH), -REACH);
  const explored = forEachSample(input('explored', [1, actionDim]), pooled);
  const row = reshape(steeredRow(graph, shape, standard, explored), [pooled.shape[0], 1, actionDim]); // prettier-ignore
  const share = input('share', []);
  return add(multiply(noise, add(multiply(share, -1), 1)), multiply(row, share));
}

/** The cache of one observation for each of several chunks. */
const cacheForEach = ({ layers, valid }: Cache, chunks: Value): Cache => ({
  layers: layers.map(({ keys, values }) => ({
    keys: forEachSample(keys, chunks),
    values: forEachSample(values, chunks),
  })),
  valid: valid && forEachSample(valid, chunks),
});

export interface SampleOptions {
  masked?: boolean;
  explores?: boolean;
  joins?: SampledJoin;
  /** Whether the prefix's features are an output, see prefixFeatures. */
  features?: boolean;
  /** Whether several chunks are sampled for one observation, whose features are then an output too. */
  candidates?: boolean;
  /** A network that can steer the noise from the features, which are then an output too, as is the noise. */
  steers?: SteeringShape;
  /** Whether layers are computed by ONNX Runtime's fused operators, where that is possible; the batch is then 1. */
  fused?: boolean;
  /** Type in which matrix products are computed, float32 if absent; all else is float32. */
  products?: ElementType;
}

/**
 * images, tokens, π0's state, noise, integration [5, calls] → actions: a whole chunk in one call. With
 * `masked`, also camera_mask and token_mask, for batches whose samples differ in cameras or prompt
 * length; without, missing cameras and padding are left away, which gives the same chunk sooner. With
 * `explores`, also exploration [calls, batch, horizon, actionDim] and an output states, see `integrate`; with
 * `joins`, also what previousInputs has; with `features`, the output features beside the actions. With `candidates`,
 * noise and actions are [candidates, horizon, actionDim] for one observation, one chunk in play and one exploration.
 * With `steers`, also what steered has, and an output steered_noise: what the flow begins from.
 */
export function sampleGraph(
  config: Pi0Config,
  source: WeightSource,
  images: ImageInput,
  {
    masked = false,
    explores = false,
    joins,
    features,
    candidates = false,
    steers,
    fused = false,
    products,
  }: SampleOptions = {},
): Graph {
  const graph = new Graph('sample', undefined, products);
  // Fused operators have no gradients, and take one sample.
  const isFused = fused && !masked && joins !== 'exact';
  const weights = (isFused ? fusedLayers(source, config) : source)(graph);
  // Fused attention takes one sample: the expert, which has several, then goes without.
  const decoder = isFused && candidates ? source(graph) : weights;
  const inputs = prefixInputs(graph, config, images, masked);
  const prefix = encodePrefix(weights, inputs, config);
  const pooled = features || candidates || steers ? prefixFeatures(prefix, config) : undefined;
  if (pooled) graph.output('features', pooled);
  const observed = observedCache(graph, decoder, prefix, config);
  const { horizon, actionDim } = config;
  const noise = graph.input('noise', 'float32', [candidates ? CANDIDATES : BATCH, horizon, actionDim]); // prettier-ignore
  const start = steers ? steered(graph, noise, pooled!, steers) : noise;
  const cache = candidates ? cacheForEach(observed, noise) : observed;
  const integration = integrationInput(graph);
  const given = candidates ? 1 : BATCH;
  const exploration = explores
    ? graph.input('exploration', 'float32', [CALLS, given, horizon, actionDim])
    : undefined;
  const previous = joins && previousInputs(graph, joins, config, given);
  const bends = { exploration, previous };
  const { actions, states } = integrate(decoder, start, integration, cache, config, bends);
  graph.output('actions', actions);
  if (steers) graph.output('steered_noise', start);
  if (states) graph.output('states', states);
  return graph;
}
