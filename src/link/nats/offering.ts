import { createHash } from 'node:crypto';
import { UserError, messageOf } from '../../errors.ts';
import type { Nats } from '../../nats/connect.ts';
import { createQueue } from '../../processes/queue.ts';
import type { Outbox } from '../robot/outbox.ts';
import { MOST_LABELS } from '../wire/protocol.ts';
import { isSystemError } from '../../systemErrors.ts';
import { digest } from '../wire/transfer.ts';
import { putParts } from './parts.ts';
import { EPISODES, type Answer, type RobotSelf, episodePart, offerSubject, writeMessage } from './subjects.ts'; // prettier-ignore
import { isLimit } from './streams.ts';

/** Episodes that wait on the server for the learner at most. */
const MOST_OUT = 32;
/** Milliseconds, by the monotonic clock. */
const FIRST_RETRY = 500;
const LONGEST_RETRY = 60_000;
/** After which an offer that was not answered is made again. */
const UNANSWERED = 60_000;

/** The part of a robot's session that offers its episodes. */
export interface Offering {
  /** Offers what waits, as far as the server may hold it. */
  pump(): void;
  answered(answer: Exclude<Answer, { kind: 'refused' }>): void;
  /** Offers again what was not answered within so many milliseconds: its answer may be lost. */
  again(within?: number): void;
  /** Why the last offer did not get through; null if it did. */
  readonly problem: string | null;
  /** Resolves when nothing is under way. */
  close(): Promise<void>;
}

export interface OfferingOptions {
  nats: Nats;
  outbox: Outbox;
  self: () => RobotSelf;
  log: (line: string) => void;
  onChange: () => void;
  /** The session cannot go on. */
  onEnd: (why: string) => void;
}

interface Out {
  sha256: string;
  /** By `performance.now`. */
  since: number;
}

/** Two episodes with the same bytes are two offers. */
const keyOf = (name: string, sha256: string) =>
  createHash('sha256').update(`${sha256} ${name}`).digest('hex').slice(0, 32);

const isOfFile = (error: unknown) => error instanceof UserError || isSystemError(error);

/** Offers a robot's episodes: parts first, so that whoever hears of one finds it. */
export function openOffering(options: OfferingOptions): Offering {
  const { nats, outbox, self, log, onChange, onEnd } = options;
  const inOrder = createQueue();
  const out = new Map<string, Out>();
  /** Hashes of files that the server or the learner has: offers of them go alone. */
  const sent = new Set<string>();
  let [isClosed, count, retryAfter] = [false, 0, FIRST_RETRY];
  let problem: string | null = null;
  let retry: NodeJS.Timeout | undefined;

  const postpone = (name: string, who: string, why: string) => {
    problem = `${who} did not keep ${name}, which will be offered again: ${why}`;
    log(problem);
    outbox.postpone(name);
    out.delete(name);
    retry ??= setTimeout(() => {
      retry = undefined;
      pump();
    }, retryAfter);
    retryAfter = Math.min(2 * retryAfter, LONGEST_RETRY);
    onChange();
  };

  const offer = async ({ name, path }: { name: string; path: string }) => {
    const labels = (await outbox.labels(name)).slice(-MOST_LABELS);
    const { bytes, sha256 } = await digest(path);
    if (bytes === 0) throw new UserError(`${path}: is empty`);
    out.set(name, { sha256, since: performance.now() });
    if (!sent.has(sha256))
      await putParts(nats, path, bytes, (part) => episodePart(nats.name, sha256, part));
    sent.add(sha256);
    const message = writeMessage('offer', { ...self(), name, bytes, sha256, labels });
    const key = keyOf(name, sha256);
    const msgID = `${nats.name}-${key}-${process.pid}-${count++}`;
    await nats.jetstream.publish(offerSubject(nats.name, key), message, {
      msgID,
      expect: { streamName: EPISODES },
    });
  };

  const offerOrPostpone = async (next: { name: string; path: string }) => {
    const { name } = next;
    try {
      await offer(next);
    } catch (error) {
      if (isClosed) return;
      if (isLimit(error))
        return postpone(
          name,
          `the server at ${nats.address}`,
          `it has no room: ${messageOf(error)}`,
        );
      out.delete(name);
      if (!isOfFile(error)) return onEnd(`${nats.address}: ${messageOf(error)}`);
      log(`does not offer ${name}: ${messageOf(error)}`);
      outbox.forget(name);
    }
  };

  const work = async () => {
    while (!isClosed && !retry && out.size < MOST_OUT) {
      const next = outbox.next((name) => out.has(name));
      if (!next) return;
      await offerOrPostpone(next);
    }
  };

  function pump(): void {
    void inOrder(work);
  }

  const acknowledge = async (name: string, sha256: string) => {
    if (out.get(name)?.sha256 !== sha256) return;
    await outbox.acknowledge(name);
    out.delete(name);
    [problem, retryAfter] = [null, FIRST_RETRY];
    onChange();
    pump();
  };
  const acknowledged = createQueue();

  return {
    pump,
    answered(answer) {
      const { name, sha256 } = answer;
      if (answer.kind === 'kept')
        return void acknowledged(() => acknowledge(name, sha256)).catch((error: unknown) =>
          onEnd(messageOf(error)),
        );
      sent.delete(sha256);
      if (out.get(name)?.sha256 !== sha256) return;
      postpone(name, 'the learner', answer.why);
    },
    again(within = UNANSWERED) {
      const before = performance.now() - within;
      for (const [name, { since }] of out) if (since <= before) out.delete(name);
      pump();
    },
    get problem() {
      return problem;
    },
    async close() {
      isClosed = true;
      clearTimeout(retry);
      await inOrder(() => undefined);
      await acknowledged(() => undefined);
    },
  };
}
