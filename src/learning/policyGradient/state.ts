import { join } from 'node:path';
import { noOffset } from '../../policy/offset.ts';
import { straightView } from '../../images/view.ts';
import {
  type Adapter,
  type Place,
  ownText,
  readAdapterHead,
  readOwn,
} from '../../policy/bundle/adapter.ts';
import { readAdapter } from '../../policy/bundle/readAdapter.ts';
import { ADAPTER_FILE } from '../../policy/bundle/bundle.ts';
import type { Bundle } from '../../policy/bundle/config.ts';
import { adaptableOf } from '../../policy/families/registry.ts';
import type { AlgorithmState } from '../algorithm.ts';
import { readTensors, stateFrom, stateShapes, stateTensors } from '../train/checkpoint.ts';
import { flatten } from '../train/parameters.ts';
import { startingParameters } from '../train/startingWeights.ts';
import { type TrainingState, initialState } from '../train/trainer.ts';
import type { GradientConfig } from './config.ts';
import { type CriticShape, criticParameters } from './criticGraph.ts';
import { featureCount } from '../../policy/choice/moment.ts';
import { type CriticState, initialCriticState } from './critics.ts';
import { STREAM } from './streams.ts';
import type { Places } from './views.ts';

/** A run's state between updates. Random numbers are seeded by its counters. */
export interface GradientState extends Places {
  /** See GradientRun. */
  updates: number;
  policyUpdates: number;
  policy: TrainingState;
  /** Absent for a method without critics. */
  critics?: CriticState;
}

/** The parts of a bundle that determine the tensors of its state. */
type LearnablePolicy = Pick<Bundle, 'family' | 'architecture'>;

/** The shape of a policy's critics; undefined for a method without. */
export const criticShape = (
  bundle: LearnablePolicy,
  { critics }: GradientConfig,
): CriticShape | undefined =>
  critics && {
    ...{ count: critics.count, hidden: critics.hidden },
    features: featureCount(adaptableOf(bundle)),
  };

/** Reads the part of a state that an adapter's file holds. */
export async function readPolicyState(
  file: string,
  bundle: Bundle,
  { trainable }: Pick<GradientConfig, 'trainable'>,
): Promise<Pick<GradientState, 'policy' | keyof Places> & Pick<Adapter, 'choice' | 'steering'>> {
  const adapter = await readAdapter(file, { ...bundle, trainable });
  const parameters = adaptableOf(bundle).parameters(trainable);
  const values = flatten(parameters, ({ name }) => adapter.parameters.get(name)!.data);
  return {
    policy: initialState(values),
    view: adapter.view ?? straightView(bundle.cameras.length),
    offset: adapter.offset ?? noOffset(bundle.shape.actionDim),
    own: new Map(adapter.own),
    choice: adapter.choice,
    steering: adapter.steering,
  };
}

/** What a bundle's adapter has, if there is one, that stays while a policy's parameters learn. */
export async function keptParts(
  bundle: Bundle,
): Promise<Pick<Adapter, 'ticket' | 'choice' | 'steering'>> {
  if (!bundle.trainable) return {};
  const file = join(bundle.folder, ADAPTER_FILE);
  const { ticket, ...head } = await readAdapterHead(file);
  if (!head.choice && !head.steering) return { ticket };
  const { choice, steering } = await readAdapter(file, bundle);
  return { ticket, ...(choice && { choice }), ...(steering && { steering }) };
}

/** A policy's initial state: the bundle's adapter if it has one, else its weights. */
export async function initialPolicyState(
  bundle: Bundle,
  { trainable, seed }: Pick<GradientConfig, 'trainable' | 'seed'>,
): Promise<Pick<GradientState, 'updates' | 'policyUpdates' | 'policy' | keyof Places>> {
  const { folder, cameras, shape } = bundle;
  const fromWeights = async () => {
    const values = await startingParameters(bundle, trainable, seed);
    return {
      policy: initialState(values),
      view: straightView(cameras.length),
      offset: noOffset(shape.actionDim),
      own: new Map<string, Place>(),
    };
  };
  const { policy, view, offset, own } = bundle.trainable
    ? await readPolicyState(join(folder, ADAPTER_FILE), bundle, { trainable })
    : await fromWeights();
  return { updates: 0, policyUpdates: 0, policy, view, offset, own };
}

/** A run's initial state: its policy's, and new critics. */
export async function initialRunState(
  bundle: Bundle,
  config: GradientConfig,
): Promise<GradientState> {
  const critics = criticShape(bundle, config);
  return {
    ...(await initialPolicyState(bundle, config)),
    ...(critics && { critics: initialCriticState(critics, [config.seed, STREAM.critics]) }),
  };
}

const POLICY = 'policy/';
const CRITICS = 'critics/';
/** Statistics that standardise the critics' inputs. */
const STATISTICS = ['mean', 'deviation'] as const;

/** The critics' tensors and counters in a run's state. */
function storedCritics(shape: CriticShape, { training, ...statistics }: CriticState) {
  return {
    tensors: [
      ...stateTensors(training, criticParameters(shape), CRITICS),
      ...STATISTICS.map((name) => ({
        name: CRITICS + name,
        shape: [shape.features],
        data: statistics[name],
      })),
    ],
    values: { criticSteps: String(training.step) },
  };
}

/** Where a policy looks and acts, as a state's values. */
export const placesTexts = ({ view, offset, own }: Places): Record<string, string> => ({
  view: JSON.stringify([...view]),
  offset: JSON.stringify([...offset]),
  ...(own.size > 0 && { own: ownText(own) }),
});

/** Reads what placesTexts wrote; older states lack an offset. */
export const readPlaces = (values: Record<string, string>, file: string): Places => ({
  view: Float32Array.from(JSON.parse(values.view) as number[]),
  offset: Float32Array.from(JSON.parse(values.offset ?? '[]') as number[]),
  own: readOwn(values.own ?? '{}', file),
});

/** A state in its file's form, which `format` names; its tensors change with the next update. */
export function storedState(
  state: GradientState,
  bundle: LearnablePolicy,
  config: GradientConfig,
  format: string,
): AlgorithmState {
  const shape = criticShape(bundle, config);
  const critics = shape && storedCritics(shape, state.critics!);
  const parameters = adaptableOf(bundle).parameters(config.trainable);
  return {
    format,
    tensors: [...stateTensors(state.policy, parameters, POLICY), ...(critics?.tensors ?? [])],
    values: {
      updates: String(state.updates),
      moves: String(state.policyUpdates),
      policySteps: String(state.policy.step),
      ...critics?.values,
      ...placesTexts(state),
    },
  };
}

/** Reads a state's file of this format. Throws a UserError that lists what does not fit the policy or the critics. */
export async function readRunState(
  file: string,
  bundle: LearnablePolicy,
  config: GradientConfig,
  format: string,
): Promise<GradientState> {
  const shape = criticShape(bundle, config);
  const policy = adaptableOf(bundle).parameters(config.trainable);
  const critics = shape && criticParameters(shape);
  const { dataOf, metadata } = await readTensors(file, format, [
    ...stateShapes(policy, POLICY),
    ...(critics ? stateShapes(critics, CRITICS) : []),
    ...(shape ? STATISTICS.map((name): [string, number[]] => [CRITICS + name, [shape.features]]) : []), // prettier-ignore
  ]);
  const updates = Number(metadata.updates);
  return {
    updates,
    // Older states lack it: in their version every update after the warm-up moved the policy.
    policyUpdates: Number(metadata.moves ?? Math.max(0, updates - (config.critics?.warmUp ?? 0))),
    ...readPlaces(metadata, file),
    policy: stateFrom(dataOf, policy, Number(metadata.policySteps), POLICY),
    ...(critics && {
      critics: {
        training: stateFrom(dataOf, critics, Number(metadata.criticSteps), CRITICS),
        mean: dataOf(`${CRITICS}mean`),
        deviation: dataOf(`${CRITICS}deviation`),
      },
    }),
  };
}
