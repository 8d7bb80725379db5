import { join } from 'node:path';
import { z } from 'zod';
import { isThere } from '../files/isThere.ts';
import { writeWhole } from '../files/writeWhole.ts';
import type { Counts } from '../tensors/successRates.ts';
import { readJson, validate } from '../validate.ts';
import { LEAST_ATTEMPTS, type RobotAttempts, isWorse } from './versions.ts';

const distributionSchema = z.object({
  /** The version of robots that are not on trial. */
  rest: z.string(),
  trial: z.object({ version: z.string(), robots: z.array(z.string()) }).optional(),
});

/** Which robots play which version of a learner, but for those that a person has pinned. */
export type Distribution = z.infer<typeof distributionSchema>;

const fileIn = (folder: string) => join(folder, 'distribution.json');

/** What the robots of a learner's folder play; undefined where it does not say. Throws a `UserError`. */
export async function readDistribution(folder: string): Promise<Distribution | undefined> {
  const path = fileIn(folder);
  if (!(await isThere(path))) return undefined;
  return validate(distributionSchema, await readJson(path), path);
}

export const writeDistribution = (folder: string, distribution: Distribution): Promise<void> =>
  writeWhole(fileIn(folder), `${JSON.stringify(distribution)}\n`);

/** Stages of a trial: the share of the robots that play the version, at least one, until it has made so many attempts. */
const STAGES = [
  { share: 0, until: LEAST_ATTEMPTS },
  { share: 0.5, until: 2 * LEAST_ATTEMPTS },
];

/** Attempts of a version after which its trial is over. */
export const TRIAL_ATTEMPTS = STAGES[STAGES.length - 1].until;

/** What a trial is judged by. */
export interface TrialFacts {
  /** The version on trial, or that is to go on trial. */
  version: string;
  /** Robots that are there. */
  present: readonly string[];
  /** All attempts so far. */
  attempts: readonly RobotAttempts[];
}

/** The attempts with a version, of some robots or of all. */
export function attemptsWith(
  attempts: readonly RobotAttempts[],
  version: string,
  robots?: readonly string[],
): Counts {
  const cells = attempts.filter(
    (cell) => cell.version === version && (robots?.includes(cell.robot) ?? true),
  );
  return {
    attempts: cells.reduce((sum, cell) => sum + cell.attempts, 0),
    successes: cells.reduce((sum, cell) => sum + cell.successes, 0),
  };
}

/**
 * Who plays a version on trial next; `worse` once it is worse than the version of the others with a certainty above
 * 95 %: the rule of `isWorse`, asked after each attempt. It is compared on the robots of the trial, since one robot's
 * task may be harder than another's, or on all where those have made too few attempts before. With less than two robots
 * there is nothing to try.
 */
export function nextDistribution(now: Distribution, facts: TrialFacts): Distribution | 'worse' {
  const { version, present, attempts } = facts;
  const robots = now.trial?.version === version ? now.trial.robots : [];
  if (robots.length === 0 && present.length < 2) return { rest: version };
  const own = attemptsWith(attempts, now.rest, robots);
  const before = own.attempts >= LEAST_ATTEMPTS ? own : attemptsWith(attempts, now.rest);
  const made = attemptsWith(attempts, version);
  if (isWorse(made, before)) return 'worse';
  const stage = STAGES.find(({ until }) => made.attempts < until);
  if (!stage) return { rest: version };
  const size = Math.max(1, Math.ceil(stage.share * present.length));
  const missing = size - robots.filter((robot) => present.includes(robot)).length;
  // Those first of whom most is known.
  const known = (robot: string) => attemptsWith(attempts, now.rest, [robot]).attempts;
  const others = present
    .filter((robot) => !robots.includes(robot))
    .sort((a, b) => known(b) - known(a) || (a < b ? -1 : 1));
  const next = [...robots, ...others.slice(0, Math.max(0, missing))];
  return { rest: now.rest, trial: { version, robots: next } };
}
