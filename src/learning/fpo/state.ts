import { join } from 'node:path';
import { noOffset } from '../../policy/offset.ts';
import { straightView } from '../../images/viewShift.ts';
import { type Place, ownText, readOwn } from '../../policy/bundle/adapter.ts';
import { readAdapter } from '../../policy/bundle/readAdapter.ts';
import { ADAPTER_FILE } from '../../policy/bundle/bundle.ts';
import type { Bundle } from '../../policy/bundle/config.ts';
import type { Learnable } from '../../policy/learnable.ts';
import { learnableOf } from '../../policy/families/registry.ts';
import type { AlgorithmState } from '../algorithm.ts';
import { readTensors, stateFrom, stateShapes, stateTensors } from '../train/checkpoint.ts';
import { flatten } from '../train/parameters.ts';
import { startingParameters } from '../train/startingWeights.ts';
import { type TrainingState, initialState } from '../train/trainer.ts';
import type { FpoConfig } from './config.ts';
import { type CriticShape, criticParameters } from './criticGraph.ts';
import { type CriticState, featureCount, initialCriticState } from './critics.ts';
import { STREAM } from './pairs.ts';
import type { Places } from './views.ts';

/** A run's state between updates. Random numbers are seeded by its counters. */
export interface FpoState extends Places {
  /** See FpoRun. */
  updates: number;
  policyUpdates: number;
  policy: TrainingState;
  critics: CriticState;
}

/** The shape of a policy's critics. */
export const criticShape = (
  policy: Learnable,
  { critics: { count, hidden } }: FpoConfig,
): CriticShape => ({ count, hidden, features: featureCount(policy) });

/** Reads the part of a state that an adapter's file holds. */
export async function readPolicyState(
  file: string,
  bundle: Bundle,
  { trainable }: FpoConfig,
): Promise<Pick<FpoState, 'policy' | keyof Places>> {
  const adapter = await readAdapter(file, { ...bundle, trainable });
  const parameters = learnableOf(bundle).parameters(trainable);
  const values = flatten(parameters, ({ name }) => adapter.parameters.get(name)!.data);
  return {
    policy: initialState(values),
    view: adapter.view ?? straightView(bundle.cameras.length),
    offset: adapter.offset ?? noOffset(bundle.shape.actionDim),
    own: new Map(adapter.own),
  };
}

/** A run's initial state: the bundle's adapter if it has one, else its weights; new critics. */
export async function initialFpoState(bundle: Bundle, config: FpoConfig): Promise<FpoState> {
  const { folder, cameras, shape } = bundle;
  const { trainable, seed } = config;
  const fromWeights = async () => {
    const values = await startingParameters(bundle, trainable, seed);
    return {
      policy: initialState(values),
      view: straightView(cameras.length),
      offset: noOffset(shape.actionDim),
      own: new Map<string, Place>(),
    };
  };
  return {
    updates: 0,
    policyUpdates: 0,
    ...(bundle.trainable
      ? await readPolicyState(join(folder, ADAPTER_FILE), bundle, config)
      : await fromWeights()),
    critics: initialCriticState(criticShape(learnableOf(bundle), config), [seed, STREAM.critics]),
  };
}

const FORMAT = 'nalu-fpo-2';
const POLICY = 'policy/';
const CRITICS = 'critics/';
/** Statistics that standardise the critics' inputs. */
const STATISTICS = ['mean', 'deviation'] as const;

/** The parts of a bundle that determine the tensors of its state. */
type LearnablePolicy = Pick<Bundle, 'family' | 'architecture'>;

function partsOf(bundle: LearnablePolicy, config: FpoConfig) {
  const policy = learnableOf(bundle);
  const shape = criticShape(policy, config);
  return {
    features: shape.features,
    policy: policy.parameters(config.trainable),
    critics: criticParameters(shape),
  };
}

/** A state in its file's form; its tensors change with the next update. */
export function storedState(
  state: FpoState,
  bundle: LearnablePolicy,
  config: FpoConfig,
): AlgorithmState {
  const { policy, critics, features } = partsOf(bundle, config);
  return {
    format: FORMAT,
    tensors: [
      ...stateTensors(state.policy, policy, POLICY),
      ...stateTensors(state.critics.training, critics, CRITICS),
      ...STATISTICS.map((name) => ({
        name: CRITICS + name,
        shape: [features],
        data: state.critics[name],
      })),
    ],
    values: {
      updates: String(state.updates),
      moves: String(state.policyUpdates),
      policySteps: String(state.policy.step),
      criticSteps: String(state.critics.training.step),
      view: JSON.stringify([...state.view]),
      offset: JSON.stringify([...state.offset]),
      ...(state.own.size > 0 && { own: ownText(state.own) }),
    },
  };
}

/** Reads a state's file. Throws a UserError that lists what does not fit the policy or the critics. */
export async function readFpoState(
  file: string,
  bundle: LearnablePolicy,
  config: FpoConfig,
): Promise<FpoState> {
  const { policy, critics, features } = partsOf(bundle, config);
  const { dataOf, metadata } = await readTensors(file, FORMAT, [
    ...stateShapes(policy, POLICY),
    ...stateShapes(critics, CRITICS),
    ...STATISTICS.map((name): [string, number[]] => [CRITICS + name, [features]]),
  ]);
  const updates = Number(metadata.updates);
  return {
    updates,
    // Older states lack it: in their version every update after the warm-up moved the policy.
    policyUpdates: Number(metadata.moves ?? Math.max(0, updates - config.critics.warmUp)),
    view: Float32Array.from(JSON.parse(metadata.view) as number[]),
    // Absent in older states.
    offset: Float32Array.from(JSON.parse(metadata.offset ?? '[]') as number[]),
    own: readOwn(metadata.own ?? '{}', file),
    policy: stateFrom(dataOf, policy, Number(metadata.policySteps), POLICY),
    critics: {
      training: stateFrom(dataOf, critics, Number(metadata.criticSteps), CRITICS),
      mean: dataOf(`${CRITICS}mean`),
      deviation: dataOf(`${CRITICS}deviation`),
    },
  };
}
