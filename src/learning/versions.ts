import { type Counts, probabilityBelow } from '../tensors/successRates.ts';

/** The attempts of a version of the policy. */
export interface VersionRecord {
  /** Of its adapter. */
  version: string;
  /** The version that it was learned from; null for the first. */
  parent: string | null;
  attempts: number;
  successes: number;
  /** Whether it was rolled back for being worse than its parent. */
  rolledBack: boolean;
}

/** The attempts of a robot with a version. */
export interface RobotAttempts extends Counts {
  robot: string;
  version: string;
}

/** The record of a version before its first attempt. */
export const newVersion = (version: string, parent: string | null): VersionRecord => ({
  version,
  parent,
  attempts: 0,
  successes: 0,
  rolledBack: false,
});

/** The adapter's part of a version that is recorded with chunks; undefined for that of a policy as it came. */
export const versionIn = (policyVersion: string | undefined): string | undefined =>
  policyVersion?.split('+')[1];

/**
 * A version and those that it descends from, itself first; none for one that is not known. Ends where one would come
 * again, as in folders that had a version twice.
 */
export function lineOf(versions: readonly VersionRecord[], version: string): VersionRecord[] {
  const known = new Map(versions.map((record) => [record.version, record]));
  const line: VersionRecord[] = [];
  for (let at = known.get(version); at && !line.includes(at); at = known.get(at.parent ?? ''))
    line.push(at);
  return line;
}

/** Certainty with which a version must be worse than its parent to be rolled back. */
export const CERTAINTY = 0.95;

/** Attempts that either must have before they are compared. */
export const LEAST_ATTEMPTS = 20;

/** Whether a version is worse than its parent beyond doubt. */
export const isWorse = (child: Counts, parent: Counts): boolean =>
  Math.min(child.attempts, parent.attempts) >= LEAST_ATTEMPTS &&
  probabilityBelow(child, parent) > CERTAINTY;
