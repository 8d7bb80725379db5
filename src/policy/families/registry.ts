import { UserError } from '../../errors.ts';
import type { Bundle, BundleConfig } from '../bundle/config.ts';
import type { PolicyFamily } from '../family.ts';
import type { JoinChoice, JoinKind } from '../joinKinds.ts';
import type { Learnable } from '../learnable.ts';
import type { PolicyShape } from '../shape.ts';
import { octo } from './octo/family.ts';
import { onnx } from './onnx/family.ts';
import { openVla } from './openvla/family.ts';
import { pi0 } from './pi0/family.ts';
import { pi0Fast } from './pi0-fast/family.ts';

/** All policy families. */
export const FAMILIES: readonly PolicyFamily[] = [pi0, pi0Fast, openVla, octo, onnx];

export const familyNamed = (name: unknown): PolicyFamily | undefined =>
  FAMILIES.find((family) => family.name === name);

/** The family of a bundle, whose configuration has been checked. */
export function familyOf({ family: name }: Pick<Bundle, 'family'>): PolicyFamily {
  const family = familyNamed(name);
  if (!family) throw new Error(`no policy family ${name}`);
  return family;
}

/** The text files that a bundle holds beside policy.json and its weights. */
export function textFilesOf({
  family: name,
  architecture,
}: Pick<Bundle, 'family' | 'architecture'>): string[] {
  const { files, spared } = familyOf({ family: name });
  const without = spared?.(architecture) ?? [];
  return files.filter((file) => !without.includes(file));
}

/** What every part may know of a policy's architecture. */
export const shapeOf = (
  policy: Pick<BundleConfig, 'family' | 'architecture' | 'cameras'>,
): PolicyShape => familyOf(policy).shape(policy.architecture, policy.cameras);

/** How a policy's chunks join by a choice that may be left to it. */
export const joinOf = ({ family }: Pick<Bundle, 'family'>, choice: JoinChoice): JoinKind =>
  choice !== 'auto'
    ? choice
    : familyOf({ family }).joins.includes('approximate')
      ? 'approximate'
      : 'swap';

/** Numbers of the features that a policy gives of what it saw; undefined where it gives none. */
export const featuresOf = (policy: Pick<Bundle, 'family' | 'architecture'>): number | undefined =>
  familyOf(policy).features?.(policy.architecture);

/** Where an architecture is known; with the folder, if any, that errors name. */
type Designed = Pick<Bundle, 'family' | 'architecture'> & Partial<Pick<Bundle, 'folder'>>;

/** What a policy's family has for learning. Throws a `UserError` where it has none. */
export function learnableOf({ family: name, architecture, folder }: Designed): Learnable {
  const family = familyOf({ family: name });
  if (family.learnable) return family.learnable(architecture);
  const others = FAMILIES.filter((one) => one.learnable).map((one) => one.name);
  throw new UserError(
    `${folder === undefined ? '' : `${folder}: `}a policy of the family ${name} does not learn; learning needs one of ${others.join(', ')}`,
    { kind: 'unsupported', subject: folder },
  );
}
