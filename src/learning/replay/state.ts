import type { Bundle } from '../../policy/bundle/config.ts';
import { learnableOf } from '../../policy/families/registry.ts';
import type { AlgorithmState } from '../algorithm.ts';
import type { Rollout } from '../attempts/rollout.ts';
import { placesTexts, readPlaces } from '../policyGradient/state.ts';
import type { Places } from '../policyGradient/views.ts';
import {
  type ChunkCriticShape,
  chunkCriticParameters,
} from '../../policy/choice/chunkCriticGraph.ts';
import type { ChunkCriticState } from './chunkCritics.ts';
import { readTensors, stateFrom, stateShapes, stateTensors } from '../train/checkpoint.ts';
import type { Parameter } from '../../policy/trainable.ts';
import type { TrainingState } from '../train/trainer.ts';
import type { Counts } from '../../tensors/successRates.ts';
import { parseJson } from '../../validate.ts';
import type { ReplayConfig } from './config.ts';

const POLICY = 'policy/';
const CRITICS = 'critics/';
const STEERING = 'steering/';
const SCALE = ['mean', 'deviation'] as const;

/** Whether critics chose an attempt's chunks or its noise was steered, or not. */
export type Played = 'chosen' | 'plain';

/** The state between updates; attempts are in the store. Random numbers are seeded by its counter. */
export interface ReplayState extends Places {
  updates: number;
  /** Updates that moved the policy. */
  policyUpdates: number;
  /** How critics ranked the newest attempts before they learned from them; see ranksBeyondChance. */
  rankings: readonly number[];
  /** Whether critics choose the policy's chunks, or its noise is steered. */
  chooses: boolean;
  /** Counts of attempts by an earlier version of Nalu, which kept no more of them. */
  played: Record<Played, Counts>;
  /** All other attempts, as they were labelled when they were learned from. */
  plays: (Pick<Rollout, 'id' | 'reward'> & { played: Played })[];
  policy: TrainingState;
  networks: ChunkCriticState;
  /** What learns to steer the policy's noise; absent in a method that does not. */
  steering?: TrainingState;
}

/** Sizes of the networks beside the policy in a state. */
export interface ReplayNetworks {
  critics: ChunkCriticShape;
  /** Of what learns to steer; absent in a method that does not. */
  steering?: readonly Parameter[];
}

const NONE = { attempts: 0, successes: 0 };

/** Before the first attempt. */
export const NONE_PLAYED: ReplayState['played'] = { chosen: NONE, plain: NONE };

/** A state in its file's form; its tensors change with the next update. */
export function storedState(
  {
    updates,
    policyUpdates,
    rankings,
    chooses,
    played,
    plays,
    policy,
    networks: { training, scale },
    steering,
    ...places
  }: ReplayState,
  bundle: Bundle,
  { trainable }: ReplayConfig,
  { critics: shape, steering: steers }: ReplayNetworks,
  format: string,
): AlgorithmState {
  const inputs = shape.features + shape.rows;
  return {
    format,
    tensors: [
      ...stateTensors(policy, learnableOf(bundle).parameters(trainable), POLICY),
      ...stateTensors(training, chunkCriticParameters(shape), CRITICS),
      ...SCALE.map((name) => ({ name: CRITICS + name, shape: [inputs], data: scale[name] })),
      ...(steering && steers ? stateTensors(steering, steers, STEERING) : []),
    ],
    values: {
      updates: String(updates),
      moves: String(policyUpdates),
      rankings: JSON.stringify(rankings),
      chooses: String(chooses),
      played: JSON.stringify(played),
      plays: JSON.stringify(plays),
      policySteps: String(policy.step),
      criticSteps: String(training.step),
      ...(steering && { steeringSteps: String(steering.step) }),
      ...placesTexts(places),
    },
  };
}

/** Reads a state's file. Throws a `UserError` that lists what does not fit the policy or the critics. */
export async function readState(
  file: string,
  bundle: Bundle,
  { trainable }: ReplayConfig,
  { critics: shape, steering: steers }: ReplayNetworks,
  format: string,
): Promise<ReplayState> {
  const policy = learnableOf(bundle).parameters(trainable);
  const critics = chunkCriticParameters(shape);
  const { dataOf, metadata } = await readTensors(file, format, [
    ...stateShapes(policy, POLICY),
    ...stateShapes(critics, CRITICS),
    ...SCALE.map((name): [string, number[]] => [CRITICS + name, [shape.features + shape.rows]]),
    ...(steers ? stateShapes(steers, STEERING) : []),
  ]);
  return {
    updates: Number(metadata.updates),
    policyUpdates: Number(metadata.moves),
    rankings:
      metadata.rankings === undefined ? [] : (parseJson(metadata.rankings, file) as number[]),
    chooses: metadata.chooses === 'true',
    played:
      metadata.played === undefined
        ? NONE_PLAYED
        : (parseJson(metadata.played, file) as ReplayState['played']),
    plays: metadata.plays === undefined ? [] : (parseJson(metadata.plays, file) as ReplayState['plays']), // prettier-ignore
    policy: stateFrom(dataOf, policy, Number(metadata.policySteps), POLICY),
    networks: {
      training: stateFrom(dataOf, critics, Number(metadata.criticSteps), CRITICS),
      scale: { mean: dataOf(`${CRITICS}mean`), deviation: dataOf(`${CRITICS}deviation`) },
    },
    ...(steers && { steering: stateFrom(dataOf, steers, Number(metadata.steeringSteps), STEERING) }), // prettier-ignore
    ...readPlaces(metadata, file),
  };
}
