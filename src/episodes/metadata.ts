import { z } from 'zod';
import { DEFAULT_ACCELERATION } from '../robot/embodiment.ts';
import type { EpisodeHeader, EpisodeResult } from './episode.ts';

const point = z.tuple([z.number(), z.number(), z.number()]);

const chain = z.object({
  joints: z.array(
    z.object({
      offset: point,
      rotation: point.optional(),
      axis: point,
      slides: z.boolean().optional(),
    }),
  ),
  hand: point.optional(),
  tip: point,
});

const space = z.object({
  arms: z.array(
    z.object({
      name: z.string(),
      joints: z.array(z.number()),
      base: z.tuple([z.number(), z.number(), z.number(), z.number()]),
      chain: chain.optional(),
    }),
  ),
  workspace: z.object({ lower: point, upper: point }).optional(),
  leastDistance: z.number().optional(),
});

const embodiment = z.object({
  name: z.string(),
  controlRate: z.number(),
  joints: z.array(
    z.object({
      name: z.string(),
      kind: z.enum(['arm', 'prismatic', 'gripper']),
      lower: z.number(),
      upper: z.number(),
      velocity: z.number(),
      acceleration: z.number().default(DEFAULT_ACCELERATION),
      home: z.number(),
      deviation: z.number().optional(),
    }),
  ),
  cameras: z.array(
    z.object({
      name: z.string(),
      width: z.number(),
      height: z.number(),
      mount: z.enum(['fixed', 'wrist']).optional(),
      noiseless: z.boolean().optional(),
    }),
  ),
  space: space.optional(),
});

const header = z.object({
  id: z.string(),
  task: z.string(),
  prompt: z.string(),
  policy: z.string(),
  seed: z.coerce.number().optional(),
  embodiment: z
    .string()
    .transform((text) => JSON.parse(text) as unknown)
    .pipe(embodiment),
});

export const outcomeSchema = z.enum(['success', 'failure', 'discarded']);

const result = z.object({
  outcome: outcomeSchema,
  reward: z.string().transform((text) => (text === '' ? null : Number(text))),
  stagedReward: z.coerce.number(),
  steps: z.coerce.number(),
  problem: z.string().optional(),
});

type Strings = Record<string, string>;

/** A header as the strings of an MCAP metadata record. */
export const writeHeader = ({ seed, embodiment, ...texts }: EpisodeHeader): Strings => ({
  ...texts,
  ...(seed === undefined ? {} : { seed: String(seed) }),
  embodiment: JSON.stringify(embodiment),
});

/** Parses the header in a metadata record; throws if it is invalid. */
export function readHeader(strings: ReadonlyMap<string, string>): EpisodeHeader {
  const { seed, ...rest } = header.parse(Object.fromEntries(strings));
  return seed === undefined ? rest : { ...rest, seed };
}

/**
 * A result as the strings of an MCAP metadata record, with the version of the policy that made the last chunk; no
 * reward is an empty string.
 */
export const writeResult = (
  { outcome, reward, stagedReward, steps, problem }: EpisodeResult,
  version?: string,
): Strings => ({
  outcome,
  reward: reward === null ? '' : String(reward),
  stagedReward: String(stagedReward),
  steps: String(steps),
  ...(problem !== undefined && { problem }),
  ...(version !== undefined && { version }),
});

/** Parses the result in a metadata record; throws if it is invalid. */
export const readResult = (strings: ReadonlyMap<string, string>): EpisodeResult =>
  result.parse(Object.fromEntries(strings));

/** The version of the policy in a result's record; undefined in older episodes. */
export const versionOfResult = (strings: ReadonlyMap<string, string>): string | undefined =>
  strings.get('version');
