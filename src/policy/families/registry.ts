import { UserError } from '../../errors.ts';
import type { Bundle, BundleConfig } from '../bundle/config.ts';
import type { PolicyFamily } from '../family.ts';
import type { JoinChoice, JoinKind } from '../joinKinds.ts';
import type { Adaptable, Learnable, Learned, Taught, Writer } from '../learnable.ts';
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

/**
 * Whether a policy's chunks are the same from random and from zero noise where it is known when they take over: by its
 * family, or by a ticket or the steering of its adapter.
 */
export const ignoresNoise = (
  { family, architecture }: Designed,
  adapter: Partial<Record<'ticket' | 'choice' | 'steering', unknown>> = {},
): boolean => {
  const { ticket, choice, steering } = adapter;
  return (
    familyOf({ family }).ignoresNoise?.(architecture) === true ||
    (choice === undefined && (ticket !== undefined || steering !== undefined))
  );
};

/** Throws a `UserError`: a policy does not learn in this way. */
function refuse(
  { family: name, folder }: Designed,
  able: (family: PolicyFamily) => unknown,
): never {
  const others = FAMILIES.filter(able).map((one) => one.name);
  throw new UserError(
    `${folder === undefined ? '' : `${folder}: `}a policy of the family ${name} does not learn in this way, which needs one of ${others.join(', ')}`,
    { kind: 'unsupported', subject: folder },
  );
}

/** What a policy's family has for learning by its flow. Throws a `UserError` where it has none. */
export function learnableOf(policy: Designed): Learnable {
  const { learnable } = familyOf(policy);
  return learnable?.(policy.architecture) ?? refuse(policy, (family) => family.learnable);
}

/** What a policy's family has for learning by the likelihood of its tokens. Throws a `UserError` where it has none. */
export function writerOf(policy: Designed): Writer {
  const { writer } = familyOf(policy);
  return writer?.(policy.architecture) ?? refuse(policy, (family) => family.writer);
}

/** What a policy's family has for learning from attempts. Throws a `UserError` where it has nothing. */
export function adaptableOf(policy: Designed): Adaptable {
  const { learnable, writer } = familyOf(policy);
  return (
    (learnable ?? writer)?.(policy.architecture) ??
    refuse(policy, (family) => family.learnable ?? family.writer)
  );
}

/** What a policy's family has for learning by a loss of its own; undefined where it has none. */
export const taughtOf = (policy: Designed): Taught | undefined =>
  familyOf(policy).taught?.(policy.architecture);

/** What training from demonstrations needs of a policy. Throws a `UserError` where its family has nothing. */
export function learnedOf(policy: Designed): Learned {
  const { learnable, taught } = familyOf(policy);
  return (
    (learnable ?? taught)?.(policy.architecture) ??
    refuse(policy, (family) => family.learnable ?? family.taught)
  );
}
