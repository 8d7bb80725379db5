import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { makeAdapter } from '../../policy/bundle/adapter.ts';
import { adaptableOf, learnableOf } from '../../policy/families/registry.ts';
import type { Algorithm, AlgorithmContext, OpenAlgorithm, Outcomes } from '../algorithm.ts';
import { alikeOutcomes, asLabelled, countsOf, executedAttempts } from '../attempts/outcomes.ts';
import type { Rollout } from '../attempts/rollout.ts';
import type { ReuseMetrics, Steered, UpdateMetrics } from '../metrics.ts';
import {
  discountedReturns,
  explainedVariance,
  generalisedAdvantages,
  standardised,
} from '../policyGradient/advantages.ts';
import { type Choice, type Choosing, criticShapeOf } from '../../policy/choice/choice.ts';
import { chunkCriticParameters } from '../../policy/choice/chunkCriticGraph.ts';
import type { Bundle } from '../../policy/bundle/config.ts';
import type { Steering } from '../../policy/steering/steering.ts';
import type { Parameter } from '../../policy/trainable.ts';
import type { Scale } from '../../tensors/scale.ts';
import { lastValues } from '../policyGradient/lastValues.ts';
import { initialPolicyState, keptParts, readPolicyState } from '../policyGradient/state.ts';
import { type Counts, totalOf } from '../../tensors/successRates.ts';
import { isWorse } from '../versions.ts';
import { adapterParameters } from '../train/parameters.ts';
import type { TrainingState } from '../train/trainer.ts';
import {
  type AttemptStore,
  type KeptAttempt,
  type KeptChunk,
  openAttemptStore,
} from './attemptStore.ts';
import { leastOf } from '../../policy/choice/judge.ts';
import { type ChunkCritics, initialChunkCritics, openChunkCritics } from './chunkCritics.ts';
import { judgedOf, learnCritics } from './learnCritics.ts';
import type { SteeringLearner } from './steeringLearner.ts';
import { rankingOf, ranksBeyondChance, remembered } from './ranking.ts';
import type { ReplayConfig } from './config.ts';
import { keepDemonstrations } from './demonstrations.ts';
import { NONE_PLAYED, type Played, type ReplayState, readState, storedState } from './state.ts';

/** Seed components that keep random streams independent. */
const STREAM = { critics: 41, criticSteps: 42 };

/** Where a learner's folder keeps attempts. */
export const ATTEMPTS = 'attempts';

const GIGABYTE = 1e9;

/** Smallest deviation by which advantages are divided, for a reward of 1. */
const ADVANTAGE_FLOOR = 0.05;

/** All kept attempts, and the advantage of each of an attempt's chunks, in deviations, as critics see it now. */
export interface Assessed {
  store: AttemptStore;
  advantages: ReadonlyMap<KeptAttempt, readonly number[]>;
  /** The least estimate of the ensemble for each chunk. */
  estimates(this: void, chunks: readonly KeptChunk[]): Promise<number[]>;
  /** What the critics' inputs are standardised by: features, then rows. */
  scale: Scale;
}

/** A policy that learns from kept attempts. */
export interface ReplayPolicy {
  /** See Trainer. */
  readonly state: TrainingState;
  /** What learns to steer its noise; absent where chunks begin as they are asked to. */
  readonly steering?: Pick<SteeringLearner, 'state' | 'steering' | 'adopt'>;
  /** The steps of an update, by its number; `moves` updates moved the policy before. */
  improve(
    assessed: Assessed,
    moment: { update: number; moves: number },
  ): Promise<Pick<UpdateMetrics, 'policy' | 'skipped'> & { reuse?: Partial<ReuseMetrics> }>;
  close(): Promise<void>;
}

/** What tells a method that learns from kept attempts from another. */
export interface ReplayMethod {
  /** Of its states' files. */
  format: string;
  /** How critics choose a policy's chunks where settings do not say; each sample is played where absent. */
  choosing?: Choosing;
  /** Parameters of what learns to steer a policy's noise; absent in a method that does not steer. */
  steeringParameters?(this: void, bundle: Bundle, config: ReplayConfig): readonly Parameter[];
  /** Opens a policy where it stands, and what learns to steer it; that at its beginning where absent. */
  openPolicy(
    this: void,
    context: AlgorithmContext,
    config: ReplayConfig,
    start: TrainingState,
    steering?: TrainingState,
  ): Promise<ReplayPolicy>;
}

interface Run extends Omit<ReplayState, 'policy' | 'networks' | 'steering'> {
  config: ReplayConfig;
  /** How critics choose chunks as soon as they rank them; absent where they never do. */
  choosing?: Choosing;
  store: AttemptStore;
  critics: ChunkCritics;
  policy: ReplayPolicy;
}

/** Samples of the policy for each chunk that is played. */
const candidatesOf = ({ choosing, chooses }: Run): number =>
  choosing && chooses ? choosing.candidates : 1;

/** What chooses a policy's chunks now. */
function choiceIn(run: Run): Choice | undefined {
  const { choosing, critics } = run;
  if (!choosing || candidatesOf(run) === 1) return undefined;
  const shape = { ...critics.shape, discriminates: false };
  const { scale, training } = critics.state;
  const parameters = adapterParameters(training.vectors.parameters, chunkCriticParameters(shape));
  return {
    ...choosing,
    count: shape.count,
    hidden: [...shape.hidden] as Choice['hidden'],
    parameters,
    scale,
  };
}

/** What steers a policy's noise now. */
const steeringIn = ({ policy: { steering }, critics, chooses }: Run): Steering | undefined =>
  chooses ? steering?.steering(critics.state.scale) : undefined;

/** How critics judge attempts that they have not learned from, against what these led to. */
async function assess({ critics, config }: Run, attempts: readonly Rollout[]) {
  const judged = await critics.judge(judgedOf(attempts), 'parameters');
  const earned = discountedReturns(attempts, config.gamma);
  const values = judged.map(({ v }) => v);
  return {
    told: { explainedVariance: explainedVariance(earned, values), attempts: lastValues(attempts, values) }, // prettier-ignore
    ranking: rankingOf(judged.map((one, i) => ({ q: leastOf(one), v: one.v, earned: earned[i] }))),
  };
}

/** A dense reward, of log odds that a chunk is of a success (as in arXiv 2606.23640, with a weight). */
const rewardOf = (f: number, { weight, clip }: NonNullable<ReplayConfig['denseReward']>): number =>
  weight * Math.max(-clip, Math.min(clip, Math.log(f) - Math.log1p(-f)));

/** The advantages of all chunks of kept attempts. */
async function assessKept(
  { config, store, critics }: Run,
  attempts: readonly KeptAttempt[],
): Promise<Assessed> {
  const judged = await critics.judge(judgedOf(attempts), 'parameters');
  const values = judged.map(({ v }) => v);
  const { denseReward } = config;
  const dense = denseReward ? judged.map(({ f }) => rewardOf(f!, denseReward)) : [];
  const unscaled = generalisedAdvantages(attempts, values, config, dense);
  const advantages = standardised(unscaled, ADVANTAGE_FLOOR);
  let from = 0;
  const ofAttempt = ({ chunks }: KeptAttempt) => advantages.slice(from, (from += chunks.length));
  return {
    store,
    scale: critics.state.scale,
    advantages: new Map(attempts.map((attempt) => [attempt, ofAttempt(attempt)])),
    estimates: async (chunks) =>
      (await critics.judge(judgedOf([{ chunks }]), 'parameters')).map(leastOf),
  };
}

/** Counts all attempts of a kind as they are labelled now. */
function countPlayed({ played, plays }: Run, kind: Played, outcomes: Outcomes): Counts {
  const own = asLabelled(plays, outcomes).filter((one) => one.played === kind);
  return totalOf([played[kind], countsOf(own)]);
}

/** Whether critics estimate that what steers noise gains anything; as before where an update did not ask them. */
const gains = ({ policy, chooses }: Run, steered: Steered | undefined): boolean =>
  policy.steering !== undefined && (steered ? steered.gain > 0 : chooses);

async function update(
  run: Run,
  attempts: readonly Rollout[],
  outcomes: Outcomes,
): Promise<UpdateMetrics> {
  const { config, store, critics, updates } = run;
  const executed = executedAttempts(attempts);
  await store.keep(executed);
  const kept = asLabelled(store.attempts(), outcomes);
  const { told, ranking } = await assess(run, executed);
  const valueLoss = await learnCritics(
    {
      ...{ critics, config: config.critics, gamma: config.gamma },
      seed: [config.seed, STREAM.criticSteps, updates],
    },
    kept,
    config.critics.steps * executed.length,
  );
  const isWarm = kept.filter(({ taught }) => !taught).length >= config.warmUp;
  const skipped = isWarm ? alikeOutcomes(kept.map(({ reward }) => reward)) : undefined;
  const moves = isWarm && skipped === undefined;
  const improved = moves
    ? await run.policy.improve(await assessKept(run, kept), {
        ...{ update: updates, moves: run.policyUpdates },
      })
    : undefined;
  // Before they learned anything, critics rank by chance.
  if (ranking && updates > 0) run.rankings = remembered(run.rankings, ranking.advantage);
  const played = run.chooses ? 'chosen' : 'plain';
  run.plays.push(...attempts.map(({ id, reward }) => ({ id, reward, played }) as const));
  const [chosen, plain] = (['chosen', 'plain'] as const).map((kind) => countPlayed(run, kind, outcomes)); // prettier-ignore
  const refuted = isWorse(chosen, plain);
  const { steering } = run.policy;
  const isApplied = run.choosing !== undefined || gains(run, improved?.reuse?.steered);
  run.chooses = isApplied && ranksBeyondChance(run.rankings) && !refuted;
  run.updates += 1;
  if (improved && improved.skipped === undefined) run.policyUpdates += 1;
  return {
    update: run.updates,
    ...countsOf(attempts),
    critics: { valueLoss, ...told },
    ...(skipped !== undefined && { skipped }),
    ...improved,
    reuse: {
      ...{ kept: kept.length, candidates: candidatesOf(run) },
      ...(steering && { steers: run.chooses }),
      ...(refuted && { refuted }),
      ...(ranking && { ranking }),
      ...improved?.reuse,
    },
  };
}

/** Opens a method that learns from all attempts that were ever made, with the prefix frozen. */
export const replayLearning =
  (method: ReplayMethod, config: ReplayConfig): OpenAlgorithm =>
  async (context, stateFile): Promise<Algorithm> => {
    const { bundle, session, folder } = context;
    const { trainable } = config;
    const { base } = bundle;
    const choosing = config.choice ?? method.choosing;
    const shape = {
      ...criticShapeOf(adaptableOf(bundle), { ...config.critics, edits: choosing?.edits }),
      discriminates: config.denseReward !== undefined,
    };
    const sizes = { critics: shape, steering: method.steeringParameters?.(bundle, config) };
    const openPolicy = (start: TrainingState, steering?: TrainingState) =>
      method.openPolicy(context, config, start, steering);
    const { policy, networks, steering, ...start }: ReplayState =
      stateFile === undefined
        ? {
            ...(await initialPolicyState(bundle, config)),
            ...{ rankings: [], chooses: false, played: NONE_PLAYED, plays: [] },
            networks: initialChunkCritics(shape, [config.seed, STREAM.critics]),
          }
        : await readState(stateFile, bundle, config, sizes, method.format);
    const cameWith = await keptParts(bundle);
    /** What acts beside the network: what was learned here, or else what the policy came with. */
    const beside = () => {
      const [choice, steering] = [choiceIn(run), steeringIn(run)];
      // A ticket would go before what steers.
      if (steering) return { steering };
      return choice ? { choice, ticket: cameWith.ticket } : cameWith;
    };
    const adapter = () => {
      const { view, offset, own } = run;
      const { parameters } = run.policy.state.vectors;
      return makeAdapter({
        ...{ trainable, base, view, offset, own },
        ...beside(),
        parameters: adapterParameters(parameters, learnableOf(bundle).parameters(trainable)),
      });
    };
    const bytes = config.store.gigabytes * GIGABYTE;
    const store = await openAttemptStore(join(folder, ATTEMPTS), base, bytes);
    if (config.demonstrations !== undefined)
      await keepDemonstrations(store, config.demonstrations, bundle, session);
    const run: Run = {
      ...{ ...start, config },
      choosing,
      store,
      critics: await openChunkCritics(shape, config.critics, networks, session),
      policy: await openPolicy(policy, steering),
    };
    return {
      update: (attempts, outcomes = new Map()) => update(run, attempts, outcomes),
      adapter,
      async restore(file) {
        const { policy, ...rest } = await readPolicyState(file, bundle, config);
        const { choice: chooser, steering: steerer, ...places } = rest;
        const learned = run.policy.steering?.state;
        await run.policy.close();
        run.policy = await openPolicy(policy, learned);
        const choice = isDeepStrictEqual(chooser, cameWith.choice) ? undefined : chooser;
        const steering = isDeepStrictEqual(steerer, cameWith.steering) ? undefined : steerer;
        Object.assign(run, places, { chooses: (choice ?? steering) !== undefined });
        if (choice) run.critics.adopt(choice);
        if (steering) run.policy.steering?.adopt(steering);
      },
      get state() {
        const { policy, critics, ...counters } = run;
        const state = {
          ...{ ...counters, policy: policy.state, networks: critics.state },
          steering: policy.steering?.state,
        };
        return storedState(state, bundle, config, sizes, method.format);
      },
      async close() {
        await run.critics.close();
        await run.policy.close();
      },
    };
  };
