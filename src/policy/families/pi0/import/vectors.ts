import { UserError, listed } from '../../../../errors.ts';
import type { TransformsConfig } from '../../../vectors/transforms.ts';
import type { Checkpoint } from './checkpoint.ts';
import type { Choice, Embodied } from './embodiments.ts';

/** What the user says of a policy's vectors; undefined where the checkpoint is to say it. */
export interface VectorOptions {
  adaptToPi?: boolean;
  deltaActions?: boolean;
}

const ADAPT_HELP = [
  "--adapt-to-pi       joints flipped and grippers as motor angles, the space that π0 was pretrained in (openpi's adapt_to_pi: true, its default for ALOHA)",
  "--no-adapt-to-pi    ALOHA's joints and gripper openings as they are (adapt_to_pi: false; what lerobot trains on an ALOHA data set)",
];
const DELTA_HELP = [
  "--delta-actions     arm joints relative to the state at the chunk's start, grippers absolute (openpi's use_delta_joint_actions: true, its default for ALOHA)",
  "--no-delta-actions  absolute positions (use_delta_joint_actions: false, as in openpi's pi0_aloha_sim; lerobot's default)",
];

/**
 * A choice that must be made knowingly: by the user, or else by what the checkpoint says, the first of
 * which is followed. What says otherwise is named.
 */
function choose(
  given: boolean | undefined,
  ...said: [by: string, value: boolean | null | undefined][]
): Choice<boolean> | undefined {
  const choices = said.filter((one): one is [string, boolean] => typeof one[1] === 'boolean');
  const [by, value] = given === undefined ? (choices[0] ?? []) : ['as you say', given];
  if (by === undefined || value === undefined) return undefined;
  const against = choices.filter(([, other]) => other !== value).map(([other]) => other);
  return { value, by: [by, ...against].join(', against ') };
}

/** lerobot's rule: the joints whose names hold none of the words are relative; all, where nothing is named. */
function relativeJoints(
  words: readonly string[],
  names: readonly string[] | null | undefined,
  joints: number,
): boolean[] {
  const excluded = words.filter(Boolean).map((word) => word.toLowerCase());
  return Array.from({ length: joints }, (_, i) => {
    const name = names?.[i]?.toLowerCase();
    return name === undefined || !excluded.some((word) => name.includes(word));
  });
}

/** A mask in openpi's notation. */
function runsOf(mask: readonly boolean[]): [number, ...number[]] {
  const runs: number[] = [];
  mask.forEach((relative, i) => {
    if (i > 0 && mask[i - 1] === relative) runs[runs.length - 1] += relative ? 1 : -1;
    else runs.push(relative ? 1 : -1);
  });
  return runs as [number, ...number[]];
}

/** What lerobot leaves absolute unless it is told. */
const EXCLUDED = ['gripper'];

/** Relative joints: as lerobot makes them where it did, else openpi's. */
function maskOf({ config, processors }: Checkpoint, { joints, deltaMask }: Embodied) {
  const { relative } = processors;
  if (relative?.enabled)
    return runsOf(relativeJoints(relative.exclude, relative.names, joints.length));
  if (!config.use_relative_actions) return deltaMask;
  const words = config.relative_exclude_joints ?? EXCLUDED;
  return runsOf(relativeJoints(words, config.action_feature_names, joints.length));
}

/** Checkpoints of lerobot's own adaptation measure grippers as openpi did before it changed its constants. */
const alohaOf = ({ config }: Checkpoint): TransformsConfig[number] =>
  config.adapt_to_pi_aloha ? { type: 'aloha', convention: 'lerobot' } : { type: 'aloha' };

/** The transforms before normalisation, and who chose them. */
export function embodimentTransforms(
  checkpoint: Checkpoint,
  embodiment: Embodied,
  { adaptToPi, deltaActions }: VectorOptions,
): { transforms: TransformsConfig; adapt: Choice<boolean>; delta: Choice<boolean> } {
  const { config, folder, processors } = checkpoint;
  const { relative } = processors;
  if (relative?.enabled && deltaActions === false)
    throw new UserError(
      `${relative.by} makes the actions relative to the state, and you say --no-delta-actions; leave that out`,
    );
  const adapt = choose(adaptToPi, ['adapt_to_pi_aloha in config.json', config.adapt_to_pi_aloha]);
  const delta = choose(
    deltaActions,
    [relative?.by ?? '', relative?.enabled],
    ['use_delta_joint_actions_aloha in config.json', config.use_delta_joint_actions_aloha],
    ['use_relative_actions in config.json', config.use_relative_actions],
  );
  if (!adapt || !delta) {
    const unsaid = [...(adapt ? [] : ADAPT_HELP), ...(delta ? [] : DELTA_HELP)];
    throw new UserError(
      `${folder} does not say how its vectors are to be read, and a wrong guess moves a robot wrongly. Say what it was trained with:${listed(unsaid)}`,
    );
  }
  const transforms: TransformsConfig = [
    ...(adapt.value ? [alohaOf(checkpoint)] : []),
    ...(delta.value
      ? [{ type: 'deltaActions', mask: maskOf(checkpoint, embodiment) } as const]
      : []),
  ];
  return { transforms, adapt, delta };
}
