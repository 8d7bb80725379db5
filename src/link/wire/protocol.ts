import { Packr } from 'msgpackr';
import { z } from 'zod';
import { UserError, messageOf } from '../../errors.ts';
import { labelSchema } from '../../episodes/labels.ts';
import { trainableSchema } from '../../policy/trainable.ts';
import { validate } from '../../validate.ts';

/** Raised by every change of the messages: two sides of different protocols refuse each other. */
export const PROTOCOL = 2;

/** Labels of an episode that go with it at most: the latest ones. */
export const MOST_LABELS = 100;

/** Most bytes of a file in one message: what a side holds in memory of a transfer. */
export const PART_BYTES = 1 << 20;

/** Above it a message is none of ours, and its connection is dropped. */
export const MOST_MESSAGE_BYTES = 2 * PART_BYTES;

/** A name of a file without its suffix; nothing that leads to another folder. */
export const fileName = z
  .string()
  .max(200)
  .regex(/^[^\p{Cc}/\\.][^\p{Cc}/\\]*$/u, 'cannot name a file');
export const sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'is no SHA-256');
export const byteCount = z.int().min(0);

/** What announces an adapter: its file, and the versions that it descends from, newest first. */
export const announced = {
  name: fileName,
  line: z.array(fileName).nonempty(),
  base: fileName,
  trainable: trainableSchema,
  bytes: byteCount,
  sha256,
};

const what = z.enum(['episode', 'adapter']);

/** Every message: R is said by the runtime, L by the learner. */
const messageSchema = z.discriminatedUnion('kind', [
  /** R: first on every connection; `version` is the adapter that it plays, or the base. */
  z.object({ kind: z.literal('hello'), protocol: z.int(), base: fileName, version: fileName }),
  /** L: the answer to a hello that fits. */
  z.object({ kind: z.literal('welcome') }),
  /** L: the answer to one that does not; nothing else will be answered. */
  z.object({ kind: z.literal('refused'), why: z.string() }),
  /** L: a message without a hello before it, as after a restart; say hello. */
  z.object({ kind: z.literal('stranger') }),
  /** R: every second. */
  z.object({ kind: z.literal('ping') }),
  /** L: the answer. */
  z.object({ kind: z.literal('pong') }),
  /**
   * R: an episode that is on its disk, with its labels; the one before it is no longer on offer. One that was labelled
   * since it was kept is offered again.
   */
  z.object({
    kind: z.literal('offer'),
    name: fileName,
    bytes: byteCount,
    sha256,
    labels: z.array(labelSchema).max(MOST_LABELS),
  }),
  /** Either: send the part of this file that begins there. */
  z.object({ kind: z.literal('want'), what, name: fileName, offset: byteCount }),
  /** Either: the answer, with the bytes in a second frame. */
  z.object({ kind: z.literal('part'), what, name: fileName, offset: byteCount }),
  /** L: the episode is on its disk, now or since long, and the labels that were offered with it. */
  z.object({ kind: z.literal('kept'), name: fileName }),
  /** L: it is not; offer it again later. */
  z.object({ kind: z.literal('notKept'), name: fileName, why: z.string() }),
  /** L: its newest adapter. */
  z.object({ kind: z.literal('adapter'), ...announced }),
  /** R: chunks from now on are made with this adapter. */
  z.object({ kind: z.literal('taken'), name: fileName }),
  /** R: nothing changed, and why. */
  z.object({ kind: z.literal('notTaken'), name: fileName, why: z.string() }),
]);

export type Message = z.infer<typeof messageSchema>;
export type MessageOf<K extends Message['kind']> = Extract<Message, { kind: K }>;

/** What a side does with the messages that it understands; `data` is the second frame. */
export type Handlers<Context extends unknown[] = []> = {
  [K in Message['kind']]?: (
    message: MessageOf<K>,
    data: Uint8Array,
    ...context: Context
  ) => void | Promise<void>;
};

const packr = new Packr({ useRecords: false, moreTypes: false });
const NOTHING = new Uint8Array();

/** A message as frames: its header, and where it carries bytes those as they are, without a copy. */
export function encodeMessage(message: Message, data?: Uint8Array): Uint8Array[] {
  const header = packr.pack(message);
  return data ? [header, data] : [header];
}

const otherProtocol = (theirs: unknown) =>
  new UserError(
    `it speaks protocol ${String(theirs)}, this side speaks ${PROTOCOL}; install the same version of Nalu on both`,
    { kind: 'mismatch' },
  );

/** Frames as a message; `data` is a view of the second frame. Throws a `UserError` that says what is wrong. */
export function decodeMessage(frames: readonly Uint8Array[]): {
  message: Message;
  data: Uint8Array;
} {
  const [header = NOTHING, data = NOTHING] = frames;
  let content: unknown;
  try {
    content = packr.unpack(header);
  } catch (error) {
    throw new UserError(`a message that is not msgpack: ${messageOf(error)}`, {
      cause: error,
      kind: 'invalid',
    });
  }
  const { kind, protocol } = (content ?? {}) as Record<string, unknown>;
  if (kind === 'hello' && protocol !== PROTOCOL) throw otherProtocol(protocol);
  return { message: validate(messageSchema, content, 'a message'), data };
}

/** Does what a table says of a message; throws a `UserError` if it says nothing. */
export async function handle<Context extends unknown[]>(
  handlers: Handlers<Context>,
  message: Message,
  data: Uint8Array,
  ...context: Context
): Promise<void> {
  const handler = handlers[message.kind] as
    ((message: Message, data: Uint8Array, ...context: Context) => void | Promise<void>) | undefined;
  if (!handler)
    throw new UserError(`a message ${message.kind}, which is not for this side`, {
      kind: 'invalid',
    });
  await handler(message, data, ...context);
}
