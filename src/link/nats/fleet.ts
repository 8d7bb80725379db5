import { z } from 'zod';
import { fileName } from '../wire/protocol.ts';
import { NATS_NAME, isNatsName } from '../../nats/address.ts';

/** The bucket of what a fleet's learner tells, and of what people order of it; each key with its history. */
export const FLEET = 'nalu-fleet';
/** The stream of each robot's newest health and event, and of the learner's beat. */
export const HEALTH = 'nalu-health';

/** A key's subject, which those hear who may not make consumers. */
export const fleetSubject = (key: string) => `$KV.${FLEET}.${key}`;
export const LEARNER_KEY = 'learner';
export const robotKey = (robot: string) => `robot.${robot}`;
export const ORDER_KEY = 'order';
export const ANSWER_KEY = 'answer';

/** Versions of a robot of which the learner tells: the newest. */
export const MOST_VERSIONS = 16;

const robotName = z.string().refine(isNatsName, `must be a robot's name: ${NATS_NAME}`);

const cellSchema = z.object({ version: fileName, attempts: z.int(), successes: z.int() });

/** What a learner tells of itself. Versions are named as robots name them, but for the first: see `first`. */
export const learnerStatusSchema = z.object({
  base: fileName,
  /** The version as the policy came, and its name where it was taken up again. */
  origin: fileName,
  first: fileName,
  /** What robots play that are neither pinned nor on trial. */
  plays: fileName,
  trial: z.object({ version: fileName, robots: z.array(robotName), made: z.int(), needed: z.int() }).optional(), // prettier-ignore
  /** Robots that play a version of their own, by name; all of them where `*`. */
  pinned: z.record(z.string(), z.object({ version: fileName, by: z.string() })),
  /** Who paused it. */
  paused: z.string().optional(),
  versions: z.array(
    z.object({ version: fileName, parent: fileName.nullable(), rolledBack: z.boolean() }),
  ),
  waiting: z.int(),
  batch: z.int(),
  consumed: z.int(),
});
export type LearnerStatus = z.infer<typeof learnerStatusSchema>;

/** What it tells of a robot: success by version, the newest version last. */
export const robotStatusSchema = z.object({
  success: z.array(cellSchema).max(MOST_VERSIONS),
  /** How far its view (shares of a picture) and its offset (deviations of actions) are from where the policy began. */
  moved: z
    .object({ view: z.array(z.number()).optional(), offset: z.array(z.number()).optional() })
    .optional(),
});
export type RobotStatus = z.infer<typeof robotStatusSchema>;

/** Everything that a learner tells its fleet. */
export interface FleetStatus {
  learner: LearnerStatus;
  robots: Record<string, RobotStatus>;
}

const ofVersion = { version: fileName };
const ofRobot = { robot: robotName.optional() };

/** What a person wants of the fleet. */
const actSchema = z.discriminatedUnion('act', [
  /** All robots play it at once: its trial is over. */
  z.object({ act: z.literal('rollOut'), ...ofVersion }),
  /** A robot, or all, play it until it is released. */
  z.object({ act: z.literal('pin'), ...ofVersion, ...ofRobot }),
  z.object({ act: z.literal('release'), ...ofRobot }),
  z.object({ act: z.literal('rollBack'), ...ofVersion }),
  z.object({ act: z.literal('pause') }),
  z.object({ act: z.literal('resume') }),
]);
export type FleetAct = z.infer<typeof actSchema>;

export const orderSchema = z.object({ id: z.uuid(), by: z.string().max(200), order: actSchema });
export type FleetOrder = z.infer<typeof orderSchema>;

/** What came of an order. */
export const answerSchema = z.object({
  id: z.uuid(),
  says: z.string(),
  isDone: z.boolean(),
});
export type FleetAnswer = z.infer<typeof answerSchema>;
