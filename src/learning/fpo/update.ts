import { join } from 'node:path';
import { UserError } from '../../errors.ts';
import type { SessionConfig } from '../../session/session.ts';
import { type AdapterFit, readAdapter } from '../../policy/bundle/readAdapter.ts';
import { type Adapter, makeAdapter } from '../../policy/bundle/adapter.ts';
import { ADAPTER_FILE, BUNDLE_FILES } from '../../policy/bundle/bundle.ts';
import type { Pi0Config } from '../../policy/families/pi0/config.ts';
import type { Trainable } from '../../policy/trainable.ts';
import { trainableParameters } from '../../policy/families/pi0/trainable.ts';
import { type View, movedView, straightView } from '../../images/viewShift.ts';
import { learnableOf } from '../../policy/families/registry.ts';
import { chunkAdvantages, reasonToStay, standardised } from './credit.ts';
import type { CriticShape } from './criticGraph.ts';
import {
  type CriticState,
  featureCount,
  featuresOf,
  initialCriticState,
  openCritics,
} from './critics.ts';
import { STREAM, drawPairs } from './batch.ts';
import type { FpoConfig } from './config.ts';
import { openPolicyLearner } from './policy.ts';
import type { FpoReport } from './report.ts';
import { flatten, tensorsIn } from '../train/parameters.ts';
import { spreadOf } from '../train/spread.ts';
import { startingParameters } from '../train/startingWeights.ts';
import { type TrainingState, initialState } from '../train/trainer.ts';
import { driftAfter } from './trustRegion.ts';
import { viewStep } from './viewStep.ts';
import { type Bundle } from '../../policy/bundle/config.ts';
import type { Rollout, RolloutChunk } from './rollout.ts';

/** All that a run carries from update to update; random numbers are drawn from its counters. */
export interface FpoState {
  /** Updates made. */
  updates: number;
  /** Those of them that were to move the policy: after the warm-up, of attempts that did not end alike. */
  moves: number;
  policy: TrainingState;
  /** Where the policy looks. */
  view: View;
  critics: CriticState;
}

/** Improves a policy from its own attempts. */
export interface Fpo {
  /** The last good state: its vectors change with the next update. */
  readonly state: FpoState;
  /**
   * One update on attempts of the policy as it stands. Throws a UserError where there is nothing to learn
   * from, or a number is not finite; a state that was saved before is then the one to go on from.
   */
  update(rollouts: readonly Rollout[]): Promise<FpoReport>;
  /** The policy's parameters as they stand, for samplers to adopt. */
  adapter(): Adapter;
  close(): Promise<void>;
}

/** The critics of a policy. */
export function criticShape(
  pi0: Pi0Config,
  { critics: { count, hidden, sees } }: FpoConfig,
): CriticShape {
  return { count, hidden, features: featureCount(pi0, sees) };
}

/** An adapter's part of a run's state. */
export async function readPolicyState(
  path: string,
  fit: AdapterFit & { trainable: Trainable },
): Promise<Pick<FpoState, 'policy' | 'view'>> {
  const adapter = await readAdapter(path, fit);
  const parameters = learnableOf(fit).parameters(fit.trainable);
  const values = flatten(parameters, ({ name }) => adapter.parameters.get(name)!.data);
  return { policy: initialState(values), view: adapter.view ?? straightView(fit.cameras.length) };
}

/** Where a run begins: at the bundle's adapter if it has one, else at its weights, with new critics. */
export async function initialFpoState(bundle: Bundle, config: FpoConfig): Promise<FpoState> {
  const { folder, pi0, cameras } = bundle;
  const { trainable, seed } = config;
  const own = async () => {
    const parameters = trainableParameters(trainable, pi0);
    const weights = join(folder, BUNDLE_FILES.weights);
    const values = await startingParameters(weights, parameters, trainable, seed);
    return { policy: initialState(values), view: straightView(cameras.length) };
  };
  return {
    updates: 0,
    moves: 0,
    ...(bundle.trainable
      ? await readPolicyState(join(folder, ADAPTER_FILE), { ...bundle, trainable })
      : await own()),
    critics: initialCriticState(criticShape(pi0, config), [seed, STREAM.critics]),
  };
}

/** Values of each attempt's moments from those of all, in their order. */
function divide(values: readonly number[], rollouts: readonly Rollout[]): number[][] {
  let from = 0;
  return rollouts.map(({ chunks }) => values.slice(from, (from += chunks.length)));
}

/** Share of the variance of `targets` that `guesses` explain. */
function explained(targets: readonly number[], guesses: readonly number[]): number {
  const variance = spreadOf(targets).deviation ** 2;
  const errors = targets.reduce((sum, y, i) => sum + (y - guesses[i]) ** 2, 0) / targets.length;
  return variance > 0 ? 1 - errors / variance : 0;
}

/** Opens a run of FPO on a bundle, for a robot of `joints`, from where `start` stands; its vectors change. */
export async function openFpo(
  bundle: Bundle,
  joints: number,
  config: FpoConfig,
  start: FpoState,
  session: SessionConfig,
): Promise<Fpo> {
  const { pi0, base } = bundle;
  const { trainable, seed, gamma } = config;
  const parameters = trainableParameters(trainable, pi0);
  const shape = criticShape(pi0, config);
  const critics = await openCritics(shape, config.critics, start.critics, session);
  const policy = await openPolicyLearner(bundle, joints, config, start.policy, session);
  let { updates, moves, view } = start;

  /** Advantages of all chunks, attempt by attempt, over values of the same moments. */
  const credit = (rollouts: readonly Rollout[], values: readonly number[], lambda: number) => {
    const ofAttempts = divide(values, rollouts);
    return rollouts.flatMap(({ reward, chunks }, i) =>
      chunkAdvantages(
        { steps: chunks.map(({ steps }) => steps), reward, values: ofAttempts[i] },
        { gamma, lambda },
      ),
    );
  };

  const { sees, baseline, epochs, lambda, warmUp } = config.critics;

  /** V(s) of each chunk's moment. */
  const valuesOf = async (chunks: readonly RolloutChunk[]): Promise<number[]> => {
    if (sees === 'moment')
      return critics.values(chunks.map((chunk) => featuresOf(chunk, sees)), 'parameters'); // prettier-ignore
    const values = new Array<number>(chunks.length).fill(0);
    for (let sample = 0; sample < baseline; sample++) {
      const others = await policy.resample(chunks, [seed, STREAM.baseline, updates, sample]);
      const seen = chunks.map((chunk, i) => featuresOf(chunk, sees, others[i]));
      const ofSample = await critics.values(seen, 'parameters');
      ofSample.forEach((value, i) => (values[i] += value / baseline));
    }
    return values;
  };

  const trainCritics = async (
    rollouts: readonly Rollout[],
    chunks: readonly RolloutChunk[],
  ): Promise<number> => {
    const seen = chunks.map((chunk) => featuresOf(chunk, sees));
    let loss = 0;
    for (let epoch = 0; epoch < epochs; epoch++) {
      const values = await critics.values(seen, 'average');
      const advantages = credit(rollouts, values, lambda);
      const targets = values.map((value, i) => value + advantages[i]);
      loss = await critics.train(seen, targets, [seed, STREAM.criticOrder, updates, epoch]);
    }
    return loss;
  };

  return {
    get state() {
      return { updates, moves, policy: policy.state, view, critics: critics.state };
    },
    async update(rollouts) {
      const chunks = rollouts.flatMap((rollout) => rollout.chunks);
      const counts = chunks.map(({ mask }) => mask.some((counted) => counted > 0));
      const counted = <T>(values: readonly T[]) => values.filter((_, i) => counts[i]);
      if (!counts.includes(true))
        throw new UserError(
          `an update needs attempts with chunks that were executed; these are ${rollouts.length} attempts without any`,
        );
      const values = await valuesOf(chunks);
      const advantages = counted(credit(rollouts, values, config.lambda));
      const returns = credit(rollouts, new Array<number>(values.length).fill(0), 1);

      const isWarm = updates >= warmUp;
      const unmoved = isWarm ? reasonToStay(rollouts) : undefined;
      const scaled = standardised(advantages, config.advantageFloor);
      const tells = (_: unknown, i: number) => Math.abs(scaled[i]) >= config.leastAdvantage;
      const told = counted(chunks).filter(tells);
      const learned =
        isWarm && unmoved === undefined && told.length > 0
          ? await policy.learn(
              drawPairs(told, scaled.filter(tells), updates, config),
              driftAfter(config.stop, moves),
            )
          : undefined;
      const loss = await trainCritics(rollouts, chunks);
      const step = viewStep(rollouts, bundle.cameras.length);
      if (step) view = movedView(view, step.map((share) => config.view * share)); // prettier-ignore
      updates += 1;
      if (isWarm && unmoved === undefined) moves += 1;
      return {
        update: updates,
        attempts: rollouts.length,
        successes: rollouts.filter(({ reward }) => reward > 0).length,
        chunks: advantages.length,
        advantages: spreadOf(advantages),
        critics: { loss, foretold: explained(returns, values) },
        ...(step && { view: [...view] }),
        ...(unmoved !== undefined && { unmoved }),
        ...(learned && { policy: learned }),
      };
    },
    adapter() {
      const tensors = tensorsIn(policy.state.vectors.parameters, parameters);
      const values = [...tensors].map(
        ([name, { dims, data }]) => [name, { shape: dims, data: data as Float32Array }] as const,
      );
      return makeAdapter({ trainable, base, parameters: new Map(values), view });
    },
    async close() {
      await critics.close();
      await policy.close();
    },
  };
}
