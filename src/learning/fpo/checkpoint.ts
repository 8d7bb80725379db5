import { readSafetensorsHeader, writeSafetensors } from '../../tensors/safetensors.ts';
import type { Pi0Config } from '../../policy/families/pi0/config.ts';
import { trainableParameters } from '../../policy/families/pi0/trainable.ts';
import { readTensors, stateFrom, stateShapes, stateTensors } from '../train/checkpoint.ts';
import { criticParameters } from './criticGraph.ts';
import type { FpoConfig } from './config.ts';
import { type FpoState, criticShape } from './update.ts';
import type { Bundle } from '../../policy/bundle/config.ts';

const FORMAT = 'nalu-fpo-2';
const POLICY = 'policy/';
const CRITICS = 'critics/';
/** What critics' inputs are standardised by. */
const STATISTICS = ['mean', 'deviation'] as const;

function partsOf(pi0: Pi0Config, config: FpoConfig) {
  const shape = criticShape(pi0, config);
  return {
    features: shape.features,
    policy: trainableParameters(config.trainable, pi0),
    critics: criticParameters(shape),
  };
}

/** Writes a run's state and `run`, what else it needs; a crash meanwhile leaves the file before as it was. */
export function writeFpoCheckpoint(
  path: string,
  { state, run }: { state: FpoState; run: string },
  { base, pi0 }: Pick<Bundle, 'base' | 'pi0'>,
  config: FpoConfig,
): Promise<void> {
  const { policy, critics, features } = partsOf(pi0, config);
  const tensors = [
    ...stateTensors(state.policy, policy, POLICY),
    ...stateTensors(state.critics.training, critics, CRITICS),
    ...STATISTICS.map((name) => ({
      name: CRITICS + name,
      shape: [features],
      data: state.critics[name],
    })),
  ];
  return writeSafetensors(path, tensors, {
    format: FORMAT,
    base,
    updates: String(state.updates),
    moves: String(state.moves),
    policySteps: String(state.policy.step),
    criticSteps: String(state.critics.training.step),
    view: JSON.stringify([...state.view]),
    run,
  });
}

/** Reads such a state. Throws a UserError that lists what does not fit the policy or the critics. */
export async function readFpoCheckpoint(
  path: string,
  pi0: Pi0Config,
  config: FpoConfig,
): Promise<{ state: FpoState; run: string }> {
  const { policy, critics, features } = partsOf(pi0, config);
  const { dataOf, metadata } = await readTensors(path, FORMAT, [
    ...stateShapes(policy, POLICY),
    ...stateShapes(critics, CRITICS),
    ...STATISTICS.map((name): [string, number[]] => [CRITICS + name, [features]]),
  ]);
  const updates = Number(metadata.updates);
  const state: FpoState = {
    updates,
    // Older states do not tell: there every update after the warm-up was to move the policy.
    moves: Number(metadata.moves ?? Math.max(0, updates - config.critics.warmUp)),
    view: Float32Array.from(JSON.parse(metadata.view) as number[]),
    policy: stateFrom(dataOf, policy, Number(metadata.policySteps), POLICY),
    critics: {
      training: stateFrom(dataOf, critics, Number(metadata.criticSteps), CRITICS),
      mean: dataOf(`${CRITICS}mean`),
      deviation: dataOf(`${CRITICS}deviation`),
    },
  };
  return { state, run: metadata.run };
}

/** Base of the policy whose state a file holds, and `run`; older states do not name the base, other files neither. */
export async function readFpoHead(path: string): Promise<{ base?: string; run?: string }> {
  const { metadata } = await readSafetensorsHeader(path);
  const { format, base, run } = metadata;
  return format === FORMAT ? { base, run } : {};
}
