import { UserError } from '../../src/errors.ts';
import type { OpenAlgorithm } from '../../src/learning/algorithm.ts';
import { flowFeeds } from '../../src/learning/fpo/feeds.ts';
import { drawPairs } from '../../src/learning/fpo/pairs.ts';
import { flowMatchingGraph } from '../../src/learning/imitation/lossGraph.ts';
import {
  readTensors,
  stateFrom,
  stateShapes,
  stateTensors,
} from '../../src/learning/train/checkpoint.ts';
import { optimiserSchema } from '../../src/learning/train/optimiser.ts';
import { flatten, tensorsIn } from '../../src/learning/train/parameters.ts';
import { frozenWeights, startingParameters } from '../../src/learning/train/startingWeights.ts';
import { type TrainingState, initialState, openTrainer } from '../../src/learning/train/trainer.ts';
import { makeAdapter } from '../../src/policy/bundle/adapter.ts';
import { readAdapter } from '../../src/policy/bundle/readAdapter.ts';
import { learnableOf } from '../../src/policy/families/registry.ts';

const FORMAT = 'filtered-imitation-1';
const TRAINABLE = { parameters: 'expert' } as const;
const SAMPLES = 4;

/** A baseline beside FPO: one step of imitation an update, on the chunks of the attempts that succeeded. */
export const filteredImitation: OpenAlgorithm = async ({ bundle, joints, session }, stateFile) => {
  const { base, cameras } = bundle;
  const policy = learnableOf(bundle);
  const parameters = policy.parameters(TRAINABLE);
  const graph = flowMatchingGraph({
    ...{ policy, trainable: TRAINABLE, cameras: cameras.length, text: policy.maxTokens },
    ...{ samples: SAMPLES, dims: joints, observation: 'cache', masked: true },
  });
  const frozen = await frozenWeights(bundle, graph, parameters);
  const optimiser = optimiserSchema.parse({ rate: 1e-3, finalRate: 1e-3, warmUp: 0 });
  const open = (start: TrainingState) =>
    openTrainer(graph, parameters, start, optimiser, session, frozen);

  const readState = async (file: string) => {
    const { dataOf, metadata } = await readTensors(file, FORMAT, stateShapes(parameters));
    return stateFrom(dataOf, parameters, Number(metadata.updates));
  };
  let trainer = await open(
    stateFile === undefined
      ? initialState(await startingParameters(bundle, TRAINABLE, 0))
      : await readState(stateFile),
  );
  return {
    async update(attempts) {
      const successes = attempts.filter(({ reward }) => reward > 0);
      const chunks = successes.flatMap((attempt) => attempt.chunks);
      if (chunks.length === 0) throw new UserError('there is no success to imitate');
      const update = trainer.state.step;
      const pairs = drawPairs(chunks.map((chunk) => ({ chunk, advantage: 1 })), update, { seed: 0, samples: SAMPLES, ablation: { time: 'policy' } }); // prettier-ignore
      const { step } = await trainer.step(flowFeeds(pairs, policy));
      return { update: step, attempts: attempts.length, successes: successes.length };
    },
    adapter() {
      const tensors = tensorsIn(trainer.state.vectors.parameters, parameters);
      const values = [...tensors].map(
        ([name, { dims, data }]) => [name, { shape: dims, data: data as Float32Array }] as const,
      );
      return makeAdapter({ trainable: TRAINABLE, base, parameters: new Map(values) });
    },
    async restore(file) {
      const adapter = await readAdapter(file, { ...bundle, trainable: TRAINABLE });
      const values = flatten(parameters, ({ name }) => adapter.parameters.get(name)!.data);
      const { step } = trainer.state;
      await trainer.close();
      trainer = await open({ ...initialState(values), step });
    },
    get state() {
      const { state } = trainer;
      return {
        format: FORMAT,
        tensors: stateTensors(state, parameters),
        values: { updates: String(state.step) },
      };
    },
    close: () => trainer.close(),
  };
};
