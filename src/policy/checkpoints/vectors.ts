import { UserError, listed } from '../../errors.ts';
import type { TransformsConfig } from '../vectors/transforms.ts';
import type { Checkpoint } from './checkpoint.ts';
import { type Choice, choose } from './choice.ts';
import { type Embodied, actionsOf } from './embodiments.ts';

/** What the user says of a policy's vectors; undefined where the checkpoint is to say it. */
export interface VectorOptions {
  adaptToPi?: boolean;
  deltaActions?: boolean;
}

const ADAPT_HELP = [
  "--adapt-to-pi       joints flipped and grippers as motor angles, the space that π0 was pretrained in (openpi's adapt_to_pi: true, its default for ALOHA)",
  "--no-adapt-to-pi    ALOHA's joints and gripper openings as they are (adapt_to_pi: false; what lerobot trains on an ALOHA data set)",
];
const deltaHelp = ({ kinds: { relative, absolute } }: Embodied) => [
  `--delta-actions     ${relative}`,
  `--no-delta-actions  ${absolute}`,
];

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
function maskOf({ config, processors }: Checkpoint, embodiment: Embodied) {
  const { relative } = processors;
  const { length } = actionsOf(embodiment);
  if (relative?.enabled) return runsOf(relativeJoints(relative.exclude, relative.names, length));
  if (!config.use_relative_actions) return embodiment.deltaMask;
  const words = config.relative_exclude_joints ?? EXCLUDED;
  return runsOf(relativeJoints(words, config.action_feature_names, length));
}

/** Checkpoints of lerobot's own adaptation measure grippers as openpi did before it changed its constants. */
const alohaOf = ({ config }: Checkpoint): TransformsConfig[number] =>
  config.adapt_to_pi_aloha ? { type: 'aloha', convention: 'lerobot' } : { type: 'aloha' };

/** Whether the vectors are those of openpi's own space for the robot; undefined where it has none. */
function spaceOf({ config, folder }: Checkpoint, { name, hasPiSpace }: Embodied, given?: boolean) {
  if (hasPiSpace) return { asked: choose(given, ['adapt_to_pi_aloha in config.json', config.adapt_to_pi_aloha]) }; // prettier-ignore
  if (given === undefined) return undefined;
  throw new UserError(
    `${folder} is a policy for ${name}, whose vectors openpi takes as they are; leave --${given ? '' : 'no-'}adapt-to-pi out`,
    { kind: 'unsupported', subject: folder, fields: ['--adapt-to-pi'] },
  );
}

/** The transforms before normalisation, and who chose them. */
export function embodimentTransforms(
  checkpoint: Checkpoint,
  embodiment: Embodied,
  { adaptToPi, deltaActions }: VectorOptions,
): { transforms: TransformsConfig; adapt?: Choice<boolean>; delta: Choice<boolean> } {
  const { config, folder, processors } = checkpoint;
  const { relative } = processors;
  if (relative?.enabled && deltaActions === false)
    throw new UserError(
      `${relative.by} makes the actions relative to the state, and you say --no-delta-actions; leave that out`,
      { kind: 'mismatch', fields: ['--no-delta-actions'] },
    );
  const space = spaceOf(checkpoint, embodiment, adaptToPi);
  const delta = choose(
    deltaActions,
    [relative?.by ?? '', relative?.enabled],
    ['use_delta_joint_actions_aloha in config.json', config.use_delta_joint_actions_aloha],
    ['use_relative_actions in config.json', config.use_relative_actions],
  );
  if (!delta || (space && !space.asked)) {
    const unsaid = [
      ...(space && !space.asked ? ADAPT_HELP : []),
      ...(delta ? [] : deltaHelp(embodiment)),
    ];
    throw new UserError(
      `${folder} does not say how its vectors are to be read, and a wrong guess moves a robot wrongly. Say what it was trained with:${listed(unsaid)}`,
      { kind: 'unsaid', subject: folder, fields: unsaid.map((help) => help.split(' ')[0]) },
    );
  }
  const adapt = space?.asked;
  const transforms: TransformsConfig = [
    ...(adapt?.value ? [alohaOf(checkpoint)] : []),
    ...(delta.value
      ? [{ type: 'deltaActions', mask: maskOf(checkpoint, embodiment) } as const]
      : []),
  ];
  return { transforms, ...(adapt && { adapt }), delta };
}
