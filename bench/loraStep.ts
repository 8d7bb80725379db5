import { dirname } from 'node:path';
import { fpoSchema, surrogateConfig } from '../src/learning/fpo/config.ts';
import { flowFeeds, surrogateFeeds } from '../src/learning/fpo/feeds.ts';
import { fpoGraph } from '../src/learning/fpo/graph.ts';
import { type PreparedChunk, drawPairs } from '../src/learning/fpo/pairs.ts';
import { flowMatchingGraph } from '../src/learning/imitation/lossGraph.ts';
import { optimiserSchema } from '../src/learning/train/optimiser.ts';
import { frozenWeights, startingParameters } from '../src/learning/train/startingWeights.ts';
import { initialState, openTrainer } from '../src/learning/train/trainer.ts';
import { sessionConfigSchema } from '../src/session/session.ts';
import { gaussianNoise } from '../src/tensors/noise.ts';
import { type LoraCase, caseOf, fullConfig } from './loraCase.ts';
import { forgetPeak, resident } from './memory.ts';
import { median } from './row.ts';

/**
 * Takes a learner's steps with an adapter, in a process of its own so that its memory is its own (Linux):
 *   node loraStep.js WEIGHTS CASE
 * WEIGHTS is a safetensors file of the frozen weights, CASE a LoraCase as JSON. Prints a LoraStep as JSON.
 */
export interface LoraStep {
  /** Median of the steps. */
  seconds: number;
  /** MiB resident at most while it steps, and what of it is not there before a step. */
  peak: number;
  growth: number;
  frozenBytes: number;
  /** Of the first step and the last. */
  losses: number[];
}

const WARM_UP = 1;

function randomChunk({ depth, samples }: LoraCase, prefix: number): PreparedChunk {
  const { expert, stateDim, horizon, actionDim } = fullConfig(depth);
  const size = horizon * actionDim;
  const chunk = {
    policyVersion: '',
    at: 0,
    integration: { steps: 10, solver: 'euler' as const },
    cache: gaussianNoise(1, 2 * depth * prefix * expert.kvHeads * expert.headDim),
    valid: new Uint8Array(prefix).fill(1),
    pooled: new Float32Array(expert.kvHeads * expert.headDim),
    state: gaussianNoise(2, stateDim),
    actions: gaussianNoise(3, size),
    noise: gaussianNoise(4, size),
    mask: new Float32Array(horizon).fill(1),
    committed: new Float32Array(actionDim),
    delay: 0,
    elapsed: 0,
    steps: horizon,
  };
  const settings = { seed: 0, samples, ablation: { time: 'uniform' } } as const;
  const [pairs] = drawPairs([{ chunk, advantage: 1 }], 0, settings);
  const [oldLosses, clampedLosses] = [new Float32Array(samples), new Float32Array(samples)];
  return { ...pairs, oldLosses, clampedLosses, target: gaussianNoise(5, samples * size) };
}

async function takeSteps(weights: string, wanted: LoraCase): Promise<LoraStep> {
  const { options, trainable, config } = caseOf(wanted);
  const fpo = wanted.graph === 'fpo';
  const graph = fpo
    ? fpoGraph(options, surrogateConfig(fpoSchema.parse({ trainable, seed: 0 })))
    : flowMatchingGraph({ ...options, observation: 'cache', masked: true });
  const parameters = options.policy.parameters(trainable);
  const bundle = { folder: dirname(weights), family: 'pi0', architecture: config };
  const frozen = await frozenWeights(bundle, graph, parameters);
  const start = initialState(await startingParameters(bundle, trainable, 0));
  const optimiser = optimiserSchema.parse({ rate: 1e-4, finalRate: 1e-4, warmUp: 0 });
  const session = sessionConfigSchema.parse({ threads: wanted.threads });
  const trainer = await openTrainer(graph, parameters, start, optimiser, session, frozen);

  const prefix = options.policy.prefixLength(options.cameras, options.text);
  const some = [randomChunk(wanted, prefix)];
  const feeds = {
    ...flowFeeds(some, options.policy),
    ...(fpo && surrogateFeeds(some, options.policy, 0.01)),
  };
  forgetPeak();
  const before = resident('VmRSS');
  const times: number[] = [];
  const losses: number[] = [];
  for (let step = 0; step < wanted.steps + WARM_UP; step++) {
    const began = performance.now();
    losses.push((await trainer.step(feeds)).loss);
    if (step >= WARM_UP) times.push((performance.now() - began) / 1e3);
  }
  const peak = resident('VmHWM');
  await trainer.close();
  const frozenBytes = Object.values(frozen).reduce((sum, { data }) => sum + 4 * data.length, 0);
  return {
    seconds: median(times),
    peak,
    growth: peak - before,
    frozenBytes,
    losses: [losses[0], losses.at(-1)!],
  };
}

const [weights, wanted] = process.argv.slice(2);
console.log(JSON.stringify(await takeSteps(weights, JSON.parse(wanted) as LoraCase)));
