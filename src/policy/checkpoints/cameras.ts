import { UserError } from '../../errors.ts';
import type { Checkpoint } from './checkpoint.ts';
import type { Choice } from './choice.ts';
import type { Embodied } from './embodiments.ts';

const IMAGE = /^observation\.images?\b\.?/;

/** What follows `observation.images.` in a feature's name. */
const cameraOf = (feature: string) => feature.replace(IMAGE, '');

/** Features of images, in the policy's order, without stand-ins for cameras that are always missing. */
const imageFeatures = ({ config }: Checkpoint, { absent }: Embodied): string[] =>
  Object.keys(config.input_features ?? {}).filter(
    (feature) =>
      IMAGE.test(feature) &&
      !cameraOf(feature).startsWith('empty_camera') &&
      !absent.includes(cameraOf(feature)),
  );

const say = ({ cameras }: Embodied) =>
  `say --cameras with the robot's names in the policy's order, as ${cameras.join(',')}`;

/** What images were renamed from in training, by the policy's features. */
const imageRenames = ({ processors }: Checkpoint) =>
  new Map([...(processors.renames?.names ?? [])].filter(([feature]) => IMAGE.test(feature)));

/** Throws a `UserError` for renamed names that are none of observations' features, as a bare camera's: lerobot passes over them. */
function checkRenames({ processors }: Checkpoint, embodiment: Embodied): void {
  const { by, names = new Map<string, string>() } = processors.renames ?? {};
  const other = [...names].flat().find((name) => !name.startsWith('observation.'));
  if (other !== undefined)
    throw new UserError(
      `${by} has ${other}, which names no feature, so that nothing is renamed by it; write observation.images.${other} if it is a camera, or ${say(embodiment)}`,
      { kind: 'invalid', fields: [other] },
    );
}

/** The robot's name of the camera of each feature: what it was renamed from in training, else its own. */
function robotNames(checkpoint: Checkpoint, embodiment: Embodied): string[] {
  const { processors, configPath } = checkpoint;
  const renames = imageRenames(checkpoint);
  const away = [...renames.values()];
  return imageFeatures(checkpoint, embodiment).map((feature) => {
    const source = renames.get(feature) ?? feature;
    const camera = IMAGE.test(source) ? cameraOf(source) : '';
    if (camera === '')
      throw new UserError(
        `${configPath}: input_features has ${feature}, which names no camera; ${say(embodiment)}`,
        { kind: 'unsaid', subject: configPath, fields: ['--cameras'] },
      );
    const isOwn = embodiment.cameras.includes(camera) && !away.includes(feature);
    if (renames.size > 0 && !renames.has(feature) && !isOwn)
      throw new UserError(
        `${processors.renames?.by} does not say which camera ${feature} is, one of input_features in ${configPath}; ${say(embodiment)}`,
        { kind: 'unsaid', fields: ['--cameras'] },
      );
    return embodiment.cameraNames[camera] ?? camera;
  });
}

/**
 * Cameras of the prefix, in its order: those the user names, those of the configuration by the names that
 * the robot had in training, or openpi's.
 */
export function camerasOf(
  checkpoint: Checkpoint,
  embodiment: Embodied,
  given?: readonly string[],
): Choice<[string, ...string[]]> {
  const unique = (names: readonly string[], by: string) => {
    const twice = names.find((name, i) => names.indexOf(name) !== i);
    if (twice !== undefined || names.length === 0)
      throw new UserError(
        `${by}: ${twice === undefined ? 'no camera' : `camera ${twice} twice`}; ${say(embodiment)}`,
        { kind: 'invalid', fields: ['--cameras'] },
      );
    return { value: [...names] as [string, ...string[]], by };
  };
  if (given) return unique(given, '--cameras');
  checkRenames(checkpoint, embodiment);
  const { renames } = checkpoint.processors;
  if (imageFeatures(checkpoint, embodiment).length === 0) {
    if (imageRenames(checkpoint).size > 0)
      throw new UserError(
        `${checkpoint.configPath} has no images among its input_features, but ${renames?.by} renames some; ${say(embodiment)}`,
        { kind: 'mismatch', subject: checkpoint.configPath, fields: ['input_features'] },
      );
    return unique(embodiment.cameras, `openpi's for ${embodiment.name}`);
  }
  return unique(
    robotNames(checkpoint, embodiment),
    `input_features in ${checkpoint.configPath}${renames ? `, ${renames.by}` : ''}`,
  );
}
