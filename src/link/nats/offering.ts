import { createHash } from 'node:crypto';
import { UserError, invalid, messageOf } from '../../errors.ts';
import type { Nats } from '../../nats/connect.ts';
import { createQueue } from '../../processes/queue.ts';
import type { Outbox } from '../robot/outbox.ts';
import { MOST_LABELS } from '../wire/protocol.ts';
import { isSystemError } from '../../systemErrors.ts';
import { digest } from '../../files/digest.ts';
import { putParts } from './parts.ts';
import { EPISODES, type Answer, type RobotSelf, episodePart, offerSubject, writeMessage } from './subjects.ts'; // prettier-ignore
import { isLimit } from './streams.ts';

/** Episodes that wait on the server for the learner at most. */
const MOST_OUT = 32;
/** Episodes that are offered at the same time. */
const AT_ONCE = 8;
/** Milliseconds, by the monotonic clock. */
const FIRST_RETRY = 500;
const LONGEST_RETRY = 60_000;
/** After which an offer that was not answered is made again: its answer was lost on a way that this side has not seen break. */
const UNANSWERED = 10_000;

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

/** The part of a robot's session that offers its episodes: parts first, so that whoever hears of one finds it. */
export class Offering {
  /** Why the last offer did not get through; null if it did. */
  problem: string | null = null;
  private readonly options: OfferingOptions;
  private readonly inOrder = createQueue();
  /** Offers and acknowledgements that are on their way to a disk. */
  private readonly offers = new Map<string, Promise<void>>();
  private readonly acknowledging = new Set<Promise<void>>();
  private readonly out = new Map<string, Out>();
  /** Hashes of files that the server or the learner has: offers of them go alone. */
  private readonly sent = new Set<string>();
  private isClosed = false;
  private count = 0;
  private retryAfter = FIRST_RETRY;
  private retry: NodeJS.Timeout | undefined;

  constructor(options: OfferingOptions) {
    this.options = options;
  }

  /** Offers what waits, as far as the server may hold it. */
  pump(): void {
    void this.inOrder(() => this.work());
  }

  answered(answer: Exclude<Answer, { kind: 'refused' }>): void {
    const { name, sha256 } = answer;
    if (answer.kind === 'kept') return this.beginAcknowledging(name, sha256);
    this.sent.delete(sha256);
    if (this.out.get(name)?.sha256 === sha256) this.postpone(name, 'the learner', answer.why);
  }

  /** Offers again what was not answered within so many milliseconds: its answer may be lost. */
  again(within = UNANSWERED): void {
    const before = performance.now() - within;
    for (const [name, { since }] of this.out) if (since <= before) this.out.delete(name);
    this.pump();
  }

  /** Resolves when nothing is under way. */
  async close(): Promise<void> {
    this.isClosed = true;
    clearTimeout(this.retry);
    await this.inOrder(() => undefined);
    await Promise.all(this.acknowledging);
  }

  private async work(): Promise<void> {
    const { offers, out } = this;
    const isOut = (name: string) => out.has(name) || offers.has(name);
    for (;;) {
      const isFull = offers.size >= AT_ONCE || out.size + offers.size >= MOST_OUT;
      const mayOffer = !this.isClosed && !this.retry && !isFull;
      const next = mayOffer ? this.options.outbox.next(isOut) : undefined;
      if (next)
        offers.set(next.name, this.offerOrPostpone(next).finally(() => offers.delete(next.name))); // prettier-ignore
      else if (offers.size === 0) return;
      else await Promise.race(offers.values());
    }
  }

  private beginAcknowledging(name: string, sha256: string): void {
    const work: Promise<void> = this.acknowledge(name, sha256)
      .catch((error: unknown) => this.options.onEnd(messageOf(error)))
      .finally(() => this.acknowledging.delete(work));
    this.acknowledging.add(work);
  }

  private async offerOrPostpone(next: { name: string; path: string }): Promise<void> {
    const { nats, outbox, log, onEnd } = this.options;
    const { name } = next;
    try {
      await this.offer(next);
    } catch (error) {
      if (this.isClosed) return;
      if (isLimit(error))
        return this.postpone(
          name,
          `the server at ${nats.address}`,
          `it has no room: ${messageOf(error)}`,
        );
      this.out.delete(name);
      if (!isOfFile(error)) return onEnd(`${nats.address}: ${messageOf(error)}`);
      log(`does not offer ${name}: ${messageOf(error)}`);
      outbox.forget(name);
    }
  }

  private async offer({ name, path }: { name: string; path: string }): Promise<void> {
    const { nats, outbox, self } = this.options;
    const labels = (await outbox.labels(name)).slice(-MOST_LABELS);
    const { bytes, sha256 } = await digest(path);
    if (bytes === 0) throw invalid(path, 'is empty');
    this.out.set(name, { sha256, since: performance.now() });
    if (!this.sent.has(sha256))
      await putParts(nats, path, bytes, (part) => episodePart(nats.name, sha256, part));
    this.sent.add(sha256);
    const message = writeMessage('offer', { ...self(), name, bytes, sha256, labels });
    const key = keyOf(name, sha256);
    const msgID = `${nats.name}-${key}-${process.pid}-${this.count++}`;
    await nats.jetstream.publish(offerSubject(nats.name, key), message, {
      msgID,
      expect: { streamName: EPISODES },
    });
  }

  private postpone(name: string, who: string, why: string): void {
    const { log, outbox, onChange } = this.options;
    this.problem = `${who} did not keep ${name}, which will be offered again: ${why}`;
    log(this.problem);
    outbox.postpone(name);
    this.out.delete(name);
    this.beginRetry();
    onChange();
  }

  /** Several offers that fail together are one failure. */
  private beginRetry(): void {
    if (this.retry) return;
    this.retry = setTimeout(() => {
      this.retry = undefined;
      this.pump();
    }, this.retryAfter);
    this.retryAfter = Math.min(2 * this.retryAfter, LONGEST_RETRY);
  }

  private async acknowledge(name: string, sha256: string): Promise<void> {
    if (this.out.get(name)?.sha256 !== sha256) return;
    await this.options.outbox.acknowledge(name);
    this.out.delete(name);
    [this.problem, this.retryAfter] = [null, FIRST_RETRY];
    this.options.onChange();
    this.pump();
  }
}
