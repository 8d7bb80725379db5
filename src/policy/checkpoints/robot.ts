import { UserError, listed } from '../../errors.ts';
import type { Checkpoint } from './checkpoint.ts';
import type { Choice } from './choice.ts';
import { ALOHA_SIM, EMBODIMENTS, type Embodied, type EmbodimentName, actionsOf } from './embodiments.ts'; // prettier-ignore
import { type Statistics, assetOf } from './statistics.ts';

/** Names that tell nothing of a joint, as lerobot's recordings have them. */
const ANONYMOUS = /^(motors?|joints?|main|actions?|dim)?[_. ]*\d*$/;

/** A joint's name without what lerobot's recordings put around it. */
const plain = (name: string | undefined) => name?.replace(/\.pos$/, '').replace(/^main_/, '');

/** What a checkpoint names the numbers of its actions, by each file that does. */
function namesIn({ config, configPath, processors: { relative } }: Checkpoint) {
  const all = [
    { by: `${configPath}: action_feature_names`, names: config.action_feature_names },
    { by: `${relative?.by}: action_names`, names: relative?.names },
  ];
  return all.flatMap(({ by, names }) =>
    names && !names.every((name) => ANONYMOUS.test(name)) ? [{ by, names }] : [],
  );
}

/** Throws a `UserError` for a checkpoint that names other joints than the robot's. */
export function checkJointNames(checkpoint: Checkpoint, { name, joints, isNamed }: Embodied): void {
  if (!isNamed) return;
  for (const { by, names } of namesIn(checkpoint)) {
    const wrong = joints.flatMap((joint, i) =>
      plain(names[i]) === joint ? [] : [`joint ${i}: ${plain(names[i]) ?? 'none'} instead of ${joint}`],
    ); // prettier-ignore
    if (names.length > joints.length)
      wrong.push(`${names.length} joints instead of ${joints.length}`);
    if (wrong.length > 0)
      throw new UserError(
        `${by} are those of another robot than ${name}:${listed(wrong)}\nTake a policy that was trained on this robot; if they are the same joints under other names, rename them there`,
        { kind: 'mismatch' },
      );
  }
}

/** Sizes of state and actions that one of the known robots alone has. */
const SIZES: readonly [state: number, actions: number, robot: Embodied][] = [
  [14, 14, EMBODIMENTS.aloha],
  [8, 7, EMBODIMENTS.libero],
];

const KNOWN: readonly Embodied[] = [...Object.values(EMBODIMENTS), ALOHA_SIM];

/** Robots that openpi's name of the statistics is of. */
function ofAssets(statistics: Statistics): Embodied[] {
  const asset = assetOf(statistics);
  return asset === undefined ? [] : KNOWN.filter(({ assets }) => assets.test(asset));
}

/** Robots that the name of openpi's assets, joints, or else the sizes of the vectors are of, and who says so. */
function candidates(checkpoint: Checkpoint, statistics: Statistics): Choice<Embodied[]> {
  const ofAsset = ofAssets(statistics);
  if (ofAsset.length > 0) return { value: ofAsset, by: statistics.source };
  for (const { by, names } of namesIn(checkpoint)) {
    const plainly = JSON.stringify(names.map(plain));
    const ofNames = Object.values<Embodied>(EMBODIMENTS).filter(
      (one) => one.isNamed && JSON.stringify(actionsOf(one)) === plainly,
    );
    if (ofNames.length > 0) return { value: ofNames, by };
  }
  const { input_features: inputs, output_features: outputs } = checkpoint.config;
  const given = [inputs?.['observation.state'], outputs?.action].map((one) => one?.shape?.[0]);
  const stated = [statistics.state, statistics.actions].map((one) => lengthOf(one.mean ?? one.q01));
  const fits = SIZES.filter((sizes) =>
    [given, stated].some(([state, actions]) => state === sizes[0] && actions === sizes[1]),
  );
  return { value: fits.map(([, , robot]) => robot), by: 'the sizes of its state and actions' };
}

/** Numbers of a statistic, without the zeros that pad it. */
const lengthOf = (values: readonly unknown[] = []) => values.findLastIndex((one) => one !== 0) + 1;

/** The robot that a checkpoint was trained for: the one given, else the one that its files are of. */
export function robotOf(
  checkpoint: Checkpoint,
  statistics: Statistics,
  given: EmbodimentName | undefined,
): Choice<Embodied> {
  if (given !== undefined) {
    const variant = ofAssets(statistics).find(({ name }) => name === given);
    return { value: variant ?? EMBODIMENTS[given], by: 'as you say' };
  }
  const { value: found, by } = candidates(checkpoint, statistics);
  if (found.length === 1) return { value: found[0], by };
  const names = found.length > 0 ? found.map(({ name }) => name) : Object.keys(EMBODIMENTS);
  throw new UserError(
    `${checkpoint.folder} does not say which robot it was trained for; say --embodiment ${names.join(' or ')}`,
    { kind: 'unsaid', subject: checkpoint.folder, fields: ['--embodiment'] },
  );
}
