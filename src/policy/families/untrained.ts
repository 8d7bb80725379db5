import { UserError } from '../../errors.ts';
import type { Embodiment } from '../../robot/embodiment.ts';
import { EMBODIMENTS } from '../checkpoints/embodiments.ts';
import type { Rows, Size, SizedConfig } from '../size.ts';
import { PI0_SIZES } from './pi0/sizes.ts';
import { FAST_SIZES } from './pi0-fast/sizes.ts';
import type { SizeName, UntrainedFamily } from './untrainedNames.ts';

export { tinyFiles as familyFiles } from '../paligemma/tokenizer.ts';

/** Policies that can be made from random weights, to be trained. */
const UNTRAINED = { pi0: PI0_SIZES, 'pi0-fast': FAST_SIZES } satisfies Record<
  UntrainedFamily,
  unknown
> as unknown as Record<UntrainedFamily, Partial<Record<SizeName, Size>>>;

/** Throws a `UserError` for a size that a family is not made in. */
export function sizeOf(family: UntrainedFamily, name: SizeName): Size {
  const sizes = UNTRAINED[family];
  const size = sizes[name];
  if (!size)
    throw new UserError(
      `--size ${name}: a policy of the family ${family} is made of random weights in the size ${Object.keys(sizes).join(', ')}`,
      { kind: 'unsupported', subject: '--size', fields: ['--size'] },
    );
  return size;
}

/** The cameras that a policy of a robot sees through: those of its published policies, else all that it has. */
function camerasOf({ name, cameras }: Embodiment): [string, ...string[]] {
  const own = cameras.map((camera) => camera.name);
  const published = Object.entries(EMBODIMENTS).find(([known]) => known === name)?.[1].cameras;
  if (published?.every((camera) => own.includes(camera))) return [...published];
  const [first, ...others] = own;
  if (first === undefined)
    throw new UserError(`${name} has no cameras, and a pi0 sees through at least one; add one to its calibration`, { kind: 'unsupported', fields: ['cameras'] }); // prettier-ignore
  return [first, ...others];
}

/**
 * The configuration of a policy of a size for a robot. Throws a `UserError` for a robot without cameras, or with more
 * joints than the size has room for.
 */
export function configFor({ config, rowOf }: Size, embodiment: Embodiment): SizedConfig<Rows> {
  const joints = embodiment.joints.length;
  const row = rowOf(joints);
  if (joints > row)
    throw new UserError(`${embodiment.name} has ${joints} joints, and a policy of this size has room for ${row}; take another size`, { kind: 'unsupported', fields: ['joints'] }); // prettier-ignore
  return {
    ...config,
    embodiment: embodiment.name,
    cameras: camerasOf(embodiment),
    architecture: { ...config.architecture, actionDim: row, stateDim: row },
  };
}
