import { z } from 'zod';
import { UserError } from '../../errors.ts';
import { labelSchema } from '../../episodes/labels.ts';
import { parseJson, validate } from '../../validate.ts';
import { MOST_LABELS, announced, byteCount, fileName, sha256 } from '../wire/protocol.ts';

/** Raised by every change of subjects or messages: two sides of different protocols refuse each other. */
export const NATS_PROTOCOL = 2;

/** Bytes of a file in one message: below the payload that servers allow by default, 1 MiB. */
export const NATS_PART_BYTES = 1 << 19;

/** Streams and the bucket of the wanted versions, by what they hold. */
export const EPISODES = 'nalu-episodes';
export const PARTS = 'nalu-parts';
export const ADAPTERS = 'nalu-adapters';
export const POLICY = 'nalu-policy';

/** Asked by a learner before it begins: is there one already? */
export const WHO = 'nalu.learner.who';
/** Said by the learner every second. */
export const BEAT = 'nalu.learner.beat';

/** What a robot asks (hello), says (health, event) or is told (answer); messages that nobody keeps. */
export const robotSubject = (robot: string, what: 'hello' | 'health' | 'event' | 'answer') =>
  `nalu.robot.${robot}.${what}`;
/** A robot's offer of an episode; `key` is its own. */
export const offerSubject = (robot: string, key: string) => `nalu.episode.${robot}.${key}`;
/** A part of an episode's file, named by the file's hash. */
export const episodePart = (robot: string, sha256: string, part: number | '>') =>
  `nalu.part.${robot}.${sha256}.${part}`;
export const adapterPart = (sha256: string, part: number | '>') => `nalu.adapter.${sha256}.${part}`;
/** The version that a robot is to play, in the bucket `POLICY`. */
export const wantedSubject = (robot: string) => `$KV.${POLICY}.${robot}`;

/** The robot in a subject that names one. */
export const robotIn = (subject: string): string => subject.split('.')[2];

const protocol = z.int();

/** What a robot is, as its calibration has it. */
const embodimentSchema = z.object({
  name: z.string().max(200),
  joints: z.array(z.string().max(200)).max(1000),
});
export type RobotEmbodiment = z.infer<typeof embodimentSchema>;

/** What a robot says of itself before anything else, and with each offer. */
const robotSchema = z.object({
  protocol,
  /** The same in every life of one robot, of no other one. */
  instance: z.string().max(64),
  /** The policy that it plays, and in which version. */
  base: fileName,
  version: fileName,
  embodiment: embodimentSchema.optional(),
});
export type RobotSelf = z.infer<typeof robotSchema>;

/** An episode on a robot's disk, of which the parts are on the server. */
const offerSchema = robotSchema.extend({
  name: fileName,
  bytes: byteCount.min(1),
  sha256,
  labels: z.array(labelSchema).max(MOST_LABELS),
});
export type Offer = z.infer<typeof offerSchema>;

/** The learner's answer to a hello. */
const welcomeSchema = z.object({ instance: z.string(), refused: z.string().optional() });

/** Who a learner is, as it asks for others and answers them. */
const learnerSchema = z.object({
  protocol,
  instance: z.string().max(64),
  who: z.string().max(5000),
});

const beatSchema = z.object({
  protocol,
  instance: z.string().max(64),
  isClosing: z.boolean().optional(),
});

/** What became of an offer. */
const answerSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('kept'), name: fileName, sha256 }),
  z.object({ kind: z.literal('notKept'), name: fileName, sha256, why: z.string() }),
  /** Nothing of this robot is taken. */
  z.object({ kind: z.literal('refused'), why: z.string() }),
]);
export type Answer = z.infer<typeof answerSchema>;

/** The adapter that a robot is to play. */
const wantedSchema = z.object({ protocol, ...announced });
export type Wanted = z.infer<typeof wantedSchema>;

/** How a robot is. */
const healthSchema = z.object({
  instance: z.string().max(64),
  version: fileName,
  pending: z.int(),
  acknowledged: z.int(),
  problem: z.string().max(2000).nullable(),
  isClosing: z.boolean().optional(),
});
export type Health = z.infer<typeof healthSchema>;

/** What happened to an adapter on a robot. */
const eventSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('taken'), version: fileName }),
  z.object({ kind: z.literal('notTaken'), version: fileName, why: z.string().max(2000) }),
]);
export type RobotEvent = z.infer<typeof eventSchema>;

const SCHEMAS = {
  hello: robotSchema,
  offer: offerSchema,
  learner: learnerSchema,
  welcome: welcomeSchema,
  beat: beatSchema,
  answer: answerSchema,
  wanted: wantedSchema,
  health: healthSchema,
  event: eventSchema,
};
type Said<K extends keyof typeof SCHEMAS> = z.infer<(typeof SCHEMAS)[K]>;

/** A message, checked. Throws a `UserError` that says what is wrong, as for another protocol. */
export function readMessage<K extends keyof typeof SCHEMAS>(kind: K, text: string): Said<K> {
  const content = parseJson(text, `a message (${kind})`);
  const { protocol: theirs } = (content ?? {}) as Record<string, unknown>;
  if (theirs !== undefined && theirs !== NATS_PROTOCOL)
    throw new UserError(
      `it speaks protocol ${JSON.stringify(theirs)}, this side speaks ${NATS_PROTOCOL}; install the same version of Nalu on both`,
      { kind: 'mismatch' },
    );
  return validate(SCHEMAS[kind] as unknown as z.ZodType<Said<K>>, content, `a message (${kind})`);
}

/** The text of a message. */
export const writeMessage = <K extends keyof typeof SCHEMAS>(_: K, message: Said<K>): string =>
  JSON.stringify(message);
