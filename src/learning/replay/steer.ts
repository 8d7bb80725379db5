import { uniformNumbers } from '../../tensors/noise.ts';
import { adaptableOf, learnableOf } from '../../policy/families/registry.ts';
import { steeringShapeOf } from '../../policy/steering/steering.ts';
import type { Bundle } from '../../policy/bundle/config.ts';
import type { AlgorithmContext } from '../algorithm.ts';
import { wasExecuted } from '../attempts/outcomes.ts';
import { type Centres, openCentres } from '../fpo/centres.ts';
import { chunkGraph } from '../train/chunkGraph.ts';
import { weightInputs } from '../train/parameters.ts';
import { spreadOf } from '../train/spread.ts';
import { frozenWeights } from '../train/startingWeights.ts';
import type { TrainingState } from '../train/trainer.ts';
import { drawPlaces } from './balance.ts';
import type { ReplayConfig } from './config.ts';
import { type StateTrials, tryNoise } from './noiseTrials.ts';
import type { ReplayMethod } from './replayLearning.ts';
import { initialSteering, openSteeringLearner } from './steeringLearner.ts';
import { type SteeringLossShape, steeringLossParameters } from './steeringLoss.ts';

/** Seed components that keep random streams independent. */
const STREAM = { networks: 46, states: 47, noise: 48, steps: 49 };

/** Chunks that are made at once. */
const AT_ONCE = 64;

const shapeOf = (bundle: Bundle, { critics, steer }: ReplayConfig): SteeringLossShape => ({
  ...steeringShapeOf(adaptableOf(bundle), { ...steer, hidden: critics.hidden }),
  count: critics.count,
});

/** Makes chunks by a policy as it stands, which stays. */
async function openUnchanging(
  { bundle, session }: AlgorithmContext,
  { trainable }: ReplayConfig,
  { vectors: { parameters: values } }: TrainingState,
): Promise<Centres> {
  const policy = learnableOf(bundle);
  const graphs = { policy, trainable, cameras: bundle.cameras.length, text: policy.maxTokens };
  const parameters = policy.parameters(trainable);
  const frozen = await frozenWeights(bundle, chunkGraph(graphs), parameters);
  return openCentres(graphs, () => weightInputs(values, parameters, frozen), AT_ONCE, session);
}

/** How much noise gains that a network says, and how far it is from zero, on average. */
function steeredMetrics(trials: readonly StateTrials[]) {
  const mean = (of: (row: StateTrials['said']) => number) =>
    spreadOf(trials.map(({ said }) => of(said))).mean;
  const square = ({ row }: StateTrials['said']) =>
    row.reduce((sum, value) => sum + value ** 2, 0) / row.length;
  return { gain: mean(({ gain }) => gain), size: Math.sqrt(mean(square)) };
}

/**
 * Noise steering (DSRL, arXiv 2506.15799): the policy's network stays, and a small one says from which noise each chunk
 * begins, as soon as critics are known to rank chunks beyond chance. It is the noise-aliased form: critics judge what was
 * executed, and what noise gains is what they estimate of the chunks that the policy makes of it in kept states.
 */
export const STEER: ReplayMethod = {
  format: 'nalu-steer-1',
  steeringParameters: (bundle, config) => steeringLossParameters(shapeOf(bundle, config)),
  async openPolicy(context, config, start, kept) {
    const { bundle, session } = context;
    const { seed, steer } = config;
    const shape = shapeOf(bundle, config);
    const networks = kept ?? initialSteering(shape, [seed, STREAM.networks]);
    const learner = await openSteeringLearner(shape, steer, networks, session);
    const centres = await openUnchanging(context, config, start);
    return {
      state: start,
      steering: learner,
      async improve({ store, advantages, estimates, scale }, { update }) {
        const balance = { count: steer.states, successes: 0.5 };
        const drawn = drawPlaces(advantages, () => true, balance, [seed, STREAM.states, update]);
        const states = await tryNoise(
          await store.load(
            drawn.filter(({ attempt, index }) => wasExecuted(attempt.chunks[index])),
          ),
          steer,
          {
            rows: (features, explored) => learner.rows(features, explored, scale),
            centres: (chunks) => centres.of(chunks),
            estimates,
          },
          [seed, STREAM.noise, update],
        );
        if (states.length === 0) return {};
        const trials = states.flatMap(({ said, others }) => [said, ...others]);
        const draw = uniformNumbers([seed, STREAM.steps, update]);
        const drawOne = () => trials[Math.floor(draw() * trials.length)];
        for (let step = 0; step < steer.steps; step++)
          await learner.step(Array.from({ length: steer.batch }, drawOne), scale);
        return { reuse: { steered: steeredMetrics(states) } };
      },
      async close() {
        await learner.close();
        await centres.close();
      },
    };
  },
};
