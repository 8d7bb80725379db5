import { z } from 'zod';
import { packageVersion } from '../../files/packageVersion.ts';
import { digestSchema } from '../../nats/objects.ts';
import { explorationSchema } from '../../policy/exploration.ts';
import { LEARNED_JOINS } from '../../policy/joinKinds.ts';
import { SOLVERS } from '../../policy/integration.ts';
import { trainableSchema } from '../../policy/trainable.ts';
import { gapSchema } from '../../sim/gap.ts';
import { SIM_TASK_NAMES } from '../../sim/taskNames.ts';

/** Nalu's version: only workers of the same one make a run's attempts, so that all are made alike. */
export const NALU = packageVersion();

export const jobSubject = (run: string): string => `nalu-work.jobs.${run}`;
export const resultSubject = (run: string): string => `nalu-work.results.${run}`;
export const ALL_JOBS = jobSubject('*');
export const ALL_RESULTS = resultSubject('*');

/** What every version of Nalu says of a run and of a worker. */
export const headSchema = z.looseObject({ nalu: z.string() });

/** A run that has attempts made. */
export const runSchema = z.strictObject({
  nalu: z.string(),
  /** Who asks, and for which policy and task: for people. */
  name: z.string(),
  policy: z.string(),
  task: z.string(),
  /** The object that says how its attempts are made; see `setupSchema`. */
  setup: digestSchema,
  /** Attempts that are still to be made. */
  waiting: z.int(),
});
export type RunSign = z.infer<typeof runSchema>;

/** A worker. */
export const workerSchema = z.strictObject({
  nalu: z.string(),
  name: z.string(),
  processes: z.int(),
  /** Attempts under way. */
  busy: z.int(),
  /** Attempts that it has made since it began. */
  made: z.int(),
  /** Why it leaves runs to others, by run. */
  declined: z.record(z.string(), z.string()),
  /** What went wrong last. */
  problem: z.string().nullable(),
});
export type WorkerSign = z.infer<typeof workerSchema>;

/** A file that a worker must have itself, at the same place. */
const ownFileSchema = z.strictObject({ path: z.string(), content: digestSchema });

/** How all attempts of a run are made. */
export const setupSchema = z.strictObject({
  settings: z.strictObject({
    task: z.enum(SIM_TASK_NAMES),
    trainable: trainableSchema,
    executeSteps: z.int().min(1).optional(),
    join: z.enum(LEARNED_JOINS).optional(),
    delay: z.number().min(0).optional(),
    integration: z
      .strictObject({
        steps: z.int().optional(),
        solver: z.enum(SOLVERS).optional(),
        times: z.array(z.number()).optional(),
      })
      .optional(),
    gap: gapSchema.optional(),
  }),
  scene: ownFileSchema.optional(),
  sceneMap: ownFileSchema.optional(),
  /** The policy's files, by their path in its folder. */
  files: z.record(z.string().regex(/^(?!.*\.\.)[\w.-]+(\/[\w.-]+)*$/), digestSchema),
});
export type Setup = z.infer<typeof setupSchema>;

/** An attempt to make. */
export const jobSchema = z.strictObject({
  id: z.string(),
  seed: z.int().min(0),
  exploration: explorationSchema.optional(),
  zeroNoise: z.boolean().optional(),
  /** Name of its episode; nothing is recorded where absent. */
  episode: z.string().regex(/^[\w.-]+$/).optional(), // prettier-ignore
  /** The adapter that it is played with; the policy's own parameters where absent. */
  adapter: digestSchema.optional(),
});
export type Job = z.infer<typeof jobSchema>;

/** What came of it. */
export const resultSchema = z.strictObject({
  id: z.string(),
  worker: z.string(),
  outcome: z.union([
    z.strictObject({
      success: z.boolean(),
      steps: z.int(),
      episode: digestSchema.nullable(),
    }),
    /** Why it could not be made. */
    z.strictObject({ error: z.string() }),
  ]),
});
export type JobResult = z.infer<typeof resultSchema>;
