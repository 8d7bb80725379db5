import { randomInt, randomUUID } from 'node:crypto';
import type { AttemptLine, ComparisonState } from '../console/protocol.ts';
import { UserError, unready } from '../errors.ts';
import {
  type JudgedAttempt,
  type KeptComparison,
  RULE,
  type Side,
  countSide,
  orderOf,
  verdictOf,
} from './comparison.ts';
import type { PlayedVersions } from './playedVersions.ts';

/** What a person asks to be compared; half of the attempts are made with each version. */
export interface Asked {
  a: string;
  b: string;
  attempts: number;
}

/** An attempt that was judged, and the id of its episode, if it was recorded. */
export type Judged = Pick<AttemptLine, 'outcome' | 'episode'>;

export interface CompareOptions {
  versions: PlayedVersions;
  /** Receives a comparison that is over. */
  onEnd: (comparison: KeptComparison) => void | Promise<void>;
}

/** A blind comparison of two versions, attempt by attempt. */
export interface CompareJob {
  /** How far it is; undefined where none is under way. */
  readonly state: ComparisonState | undefined;
  /** Attempts that are still to be made. */
  readonly left: number;
  /** Gives what takes it back before the first attempt. Throws a `UserError` for versions that cannot be compared, or while a comparison is under way. */
  begin(asked: Asked): () => void;
  /** Has the version of the next attempt play. */
  prepare(): Promise<void>;
  /** Takes an attempt; one that was discarded is made again. */
  judged(attempt: Judged): Promise<void>;
  /** Ends it early, without a verdict. Throws a `UserError` where none is under way. */
  end(by: string): Promise<string>;
}

/** A comparison that is under way. */
interface Running {
  asked: Asked;
  seed: number;
  order: Side[];
  made: JudgedAttempt[];
  /** The version that played before. */
  before: string;
}

const LARGEST_SEED = 2 ** 47;

const wrong = (message: string, field: keyof Asked) =>
  new UserError(message, { kind: 'invalid', fields: [field] });

/** Compares versions as a person asks, one comparison at a time. */
export function createCompareJob({ versions, onEnd }: CompareOptions): CompareJob {
  let running: Running | undefined;

  const finish = async ({ asked, seed, made: attempts, before }: Running, said?: string) => {
    running = undefined;
    const [a, b] = [countSide(asked.a, 'a', attempts), countSide(asked.b, 'b', attempts)];
    const verdict = said ?? verdictOf(a, b);
    const judged = { at: Date.now(), id: randomUUID(), a, b, verdict, rule: RULE, seed, attempts };
    try {
      await versions.play(before);
    } finally {
      await onEnd({ ...judged, ...(said !== undefined && { early: true }) });
    }
  };

  return {
    get state() {
      return running && { made: running.made.length, of: running.order.length };
    },
    get left() {
      return running ? running.order.length - running.made.length : 0;
    },
    begin(asked) {
      if (running)
        throw unready('a comparison is under way: start goes on with it, or end it first');
      const { a, b, attempts } = asked;
      if (a === b) throw wrong('a version cannot be compared with itself: choose two', 'b');
      if (attempts % 2 !== 0)
        throw wrong(
          `${attempts} attempts are not as many of each version: give an even number`,
          'attempts',
        );
      const unknown = [a, b].find((version) => !versions.all.includes(version));
      if (unknown !== undefined)
        throw new UserError(
          `there is no version ${unknown}; choose two of ${versions.all.join(', ')}`,
          { kind: 'missing', fields: [unknown] },
        );
      const seed = randomInt(LARGEST_SEED);
      const order = orderOf(attempts / 2, seed);
      running = { asked, seed, order, made: [], before: versions.now };
      return () => (running = undefined);
    },
    async prepare() {
      if (running) await versions.play(running.asked[running.order[running.made.length]]);
    },
    async judged({ outcome, episode }) {
      if (!running || outcome === 'discarded') return;
      const { made, order } = running;
      made.push({ side: order[made.length], outcome, ...(episode !== undefined && { episode }) });
      if (made.length === order.length) await finish(running);
    },
    async end(by) {
      if (!running) throw unready('no comparison is under way');
      const { made, order } = running;
      const said = `ended by ${by} after ${made.length} of ${order.length} attempts: no verdict`;
      await finish(running, said);
      return `the comparison is ${said}`;
    },
  };
}
