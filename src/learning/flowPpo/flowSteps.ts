import { UserError } from '../../errors.ts';
import type { Chain } from '../../policy/chain.ts';
import { TABLE_ROWS, integrationTable } from '../../policy/integration.ts';
import type { Learnable } from '../../policy/learnable.ts';
import { Tensor } from '../../session/session.ts';
import { warn } from '../../warnings.ts';
import type { RolloutChunk } from '../attempts/rollout.ts';
import { joined, observationFeeds } from '../fpo/feeds.ts';
import type { AdvantageChunk } from '../policyGradient/learningPolicy.ts';
import { rowWeights } from './rowWeights.ts';

/** A step of a chunk's flow to which noise was added. */
export interface FlowStep extends AdvantageChunk {
  /** The network call, from 0. */
  call: number;
  chain: Chain;
  /** [horizon] see rowWeights. */
  weights: Float32Array;
}

/** A step with what an update compares it to. */
export interface PreparedStep extends FlowStep {
  /** [horizon, actionDim] its mean under the policy at the update's start. */
  start: Float32Array;
  /** [horizon, actionDim] where it went, from there. */
  residual: Float32Array;
  /** Log ratio of the policy at the update's start to the one that made the step. */
  before: number;
}

/** [horizon] 1 for rows that were executed and not given by the chunk before. */
const countedRows = ({ mask, join }: RolloutChunk): Float32Array =>
  mask.map((executed, row) => (join && join.weights[row] >= 1 ? 0 : executed));

/** The reason why nothing can be learned from a chunk's flow; undefined if it can. */
function reasonAgainst(chunk: RolloutChunk): string | undefined {
  const { chain, integration, join } = chunk;
  if (!chain || !(chain.size > 0))
    return 'the steps of their flows were not recorded; have attempts explore with chain: true and a size above 0 (a node: with its parameters method: flow-ppo and exploration)';
  if (integration?.solver !== 'euler')
    return `their flows were integrated by ${integration?.solver ?? 'an unknown solver'}; take --solver euler`;
  if (join?.kind === 'exact')
    return 'exact guidance joined them to the chunk before, by the gradient of the network; take --join approximate or trained';
  if (!countedRows(chunk).some((row) => row > 0))
    return 'the rows that were executed of them were given by the chunk before';
  return undefined;
}

/** The chunks to learn from; tells of those that are left out. Throws a `UserError` where there is none. */
function usable(chunks: readonly AdvantageChunk[]): (AdvantageChunk & { chain: Chain })[] {
  const fit: (AdvantageChunk & { chain: Chain })[] = [];
  const reasons: string[] = [];
  for (const { chunk, advantage } of chunks) {
    const reason = reasonAgainst(chunk);
    if (reason === undefined) fit.push({ chunk, advantage, chain: chunk.chain! });
    else reasons.push(reason);
  }
  const said = `${reasons.length} of ${chunks.length} chunks do not tell how likely they were: ${reasons[0]}`;
  if (fit.length === 0) throw new UserError(said, { kind: 'missing', fields: ['chain'] });
  if (reasons.length > 0) warn(`left out: ${said}`);
  return fit;
}

/** The part of a chain's numbers that belongs to a call. */
export const atCall = (all: Float32Array, call: number, { length }: ArrayLike<number>) =>
  all.subarray(call * length, (call + 1) * length);

/** The steps of these chunks' flows to which noise was added. Throws a `UserError` where there are none. */
export function flowSteps(chunks: readonly AdvantageChunk[]): FlowStep[] {
  return usable(chunks).flatMap(({ chunk, advantage, chain }) => {
    const own = { chunk, advantage, chain, weights: rowWeights(chain, countedRows(chunk)) };
    return Array.from({ length: chunk.integration!.steps }, (_, call) => ({ ...own, call })).filter(
      ({ call }) => atCall(chain.noise, call, chunk.noise).some((value) => value !== 0),
    );
  });
}

/** [horizon, actionDim] where a step begins: at the state before, or at the flow's noise, rows that are kept set. */
function beginOf({ chunk: { noise, join }, chain, call }: FlowStep): Float32Array {
  if (call > 0) return atCall(chain.states, call - 1, noise);
  if (join?.kind !== 'trained') return noise;
  const { previous, weights } = join;
  const actionDim = noise.length / weights.length;
  return noise.map((value, i) => value + weights[Math.floor(i / actionDim)] * (previous[i] - value)); // prettier-ignore
}

/** The inputs of surrogateGraph by which the means of steps are computed; where it `keeps`, also the kept rows. */
export function meanFeeds(
  steps: readonly FlowStep[],
  policy: Learnable,
  keeps: boolean,
): Record<string, Tensor> {
  const { horizon, actionDim } = policy;
  const count = steps.length;
  const chunks = steps.map(({ chunk }) => chunk);
  const [noRows, noWeights] = [new Float32Array(horizon * actionDim), new Float32Array(horizon)];
  const tables = new Map(chunks.map(({ integration }) => [integration!, integrationTable(integration!)])); // prettier-ignore
  const inTable = (name: (typeof TABLE_ROWS)[number], dims: number[]) => {
    const row = TABLE_ROWS.indexOf(name);
    const values = steps.map(
      ({ chunk: { integration }, call }) =>
        tables.get(integration!)![row * integration!.steps + call],
    );
    return new Tensor('float32', Float32Array.from(values), dims);
  };
  const weightsOf = (kind: 'approximate' | 'trained') =>
    joined(
      chunks.map(({ join }) => (join?.kind === kind ? join.weights : noWeights)),
      [count, horizon, 1],
    );
  return {
    ...observationFeeds(chunks, policy),
    x: joined(steps.map(beginOf), [count, horizon, actionDim]),
    time: inTable('time', [count]),
    length: inTable('velocity', [count, 1, 1]),
    most: inTable('guidance', [count, 1, 1]),
    previous: joined(chunks.map(({ join }) => join?.previous ?? noRows), [count, horizon, actionDim]), // prettier-ignore
    prefix_weights: weightsOf('approximate'),
    ...(keeps && { kept: weightsOf('trained') }),
  };
}

/** The remaining inputs of surrogateGraph. */
export function surrogateFeeds(
  steps: readonly PreparedStep[],
  { horizon, actionDim }: Learnable,
): Record<string, Tensor> {
  const count = steps.length;
  const ofSteps = (value: (step: PreparedStep) => number) =>
    new Tensor('float32', Float32Array.from(steps, value), [count]);
  const rows = [count, horizon, actionDim];
  return {
    row_weights: joined(steps.map(({ weights }) => weights), [count, horizon, 1]), // prettier-ignore
    start: joined(steps.map(({ start }) => start), rows), // prettier-ignore
    residual: joined(steps.map(({ residual }) => residual), rows), // prettier-ignore
    before: ofSteps(({ before }) => before),
    advantages: ofSteps(({ advantage }) => advantage),
  };
}
