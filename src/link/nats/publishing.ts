import type { KV } from '@nats-io/kv';
import { messageOf } from '../../errors.ts';
import type { Nats } from '../../nats/connect.ts';
import { createQueue } from '../../processes/queue.ts';
import type { LearnerEndOptions } from '../learner/learnerEnd.ts';
import type { Plan } from '../learner/plan.ts';
import { putParts } from './parts.ts';
import { ADAPTERS, NATS_PROTOCOL, type Wanted, adapterPart, writeMessage } from './subjects.ts';

/** Versions that a message names of those that an adapter descends from, besides the oldest. */
const LONGEST_LINE = 100;
/** Adapters whose files stay on the server: a robot may be fetching one while the next is published. */
const KEPT = 3;
/** Robots whose wanted versions are set at once. */
const AT_ONCE = 64;

type Announced = NonNullable<LearnerEndOptions['lineage']['newest']>;

/** Sets what each robot is to play. */
export interface Publishing {
  /** A robot has come: it is told what it is to play. */
  greet(robot: string): Promise<void>;
  /** It did not take a version: it may be offered again. */
  notTaken(robot: string, version: string): void;
  /**
   * Sets what all robots are to play, by another plan or as before. Never rejects: what fails is reported, and done when
   * the server is back.
   */
  announce(plan?: Plan): Promise<void>;
}

interface PublishingOptions extends LearnerEndOptions {
  /** Whether this still is the server's learner. */
  hold: () => Promise<boolean>;
}

/** Of a long line the newest, and the oldest, which every robot of the policy knows. */
function shortened(line: [string, ...string[]]): [string, ...string[]] {
  if (line.length <= LONGEST_LINE) return line;
  return [line[0], ...line.slice(1, LONGEST_LINE), line[line.length - 1]];
}

/** The learner's part that sets versions. Robots that it has met are those in the bucket. */
export async function openPublishing(
  nats: Nats,
  bucket: KV,
  { base, lineage, plan: before, hold, log }: PublishingOptions,
): Promise<Publishing> {
  const { manager } = nats;
  const inOrder = createQueue();
  let plan = before;
  /** The version that each robot is to play. */
  const wanted = new Map<string, string>();
  /** Hashes of adapters whose files are on the server, oldest first. */
  let there: string[] = [];
  for await (const robot of await bucket.keys()) {
    const value = await bucket.get(robot);
    if (value) wanted.set(robot, value.json<Wanted>().name);
  }

  const upload = async ({ sha256, name, bytes }: Announced) => {
    if (there.includes(sha256)) return;
    const path = lineage.pathOf(name);
    await putParts(nats, path, bytes, (part) => adapterPart(sha256, part));
    there = [...there, sha256];
  };
  /** Removes the files of adapters that nobody is to play, but for the last ones. */
  const removeOld = async (needed: readonly string[]) => {
    const keep = new Set([...there.slice(-KEPT), ...needed]);
    const { state } = await manager.streams.info(ADAPTERS, { subjects_filter: 'nalu.adapter.>' });
    const old = Object.keys(state.subjects ?? {}).map((subject) => subject.split('.')[2]);
    for (const sha256 of new Set(old))
      if (!keep.has(sha256))
        await manager.streams.purge(ADAPTERS, { filter: adapterPart(sha256, '>') });
    there = there.filter((sha256) => keep.has(sha256));
  };

  const setTo = async (adapter: Announced, robots: readonly string[]) => {
    await upload(adapter);
    const line = shortened(lineage.since(base, adapter.name));
    const text = writeMessage('wanted', { protocol: NATS_PROTOCOL, ...adapter, line });
    for (let i = 0; i < robots.length; i += AT_ONCE)
      await Promise.all(robots.slice(i, i + AT_ONCE).map((robot) => bucket.put(robot, text)));
    for (const robot of robots) wanted.set(robot, adapter.name);
  };
  const set = async (robots: readonly string[]) => {
    const toPlay = (robot: string) =>
      plan ? (plan.robots[robot] ?? plan.rest) : lineage.newest?.name;
    const missing = robots.filter((robot) => wanted.get(robot) !== toPlay(robot));
    if (missing.length === 0 || !(await hold())) return;
    const needed: string[] = [];
    for (const version of new Set([...wanted.keys()].map(toPlay))) {
      const adapter = version === undefined ? undefined : await lineage.of(version);
      if (!adapter) continue;
      needed.push(adapter.sha256);
      const who = missing.filter((robot) => toPlay(robot) === version);
      if (who.length > 0) await setTo(adapter, who);
    }
    await removeOld(needed);
  };
  const report = (error: unknown) => log(`could not set what robots play: ${messageOf(error)}`);

  return {
    greet(robot) {
      if (!wanted.has(robot)) wanted.set(robot, base);
      return inOrder(() => set([robot])).catch(report);
    },
    notTaken(robot, version) {
      if (wanted.get(robot) === version) wanted.set(robot, base);
    },
    announce: (now = plan) => {
      plan = now;
      return inOrder(() => set([...wanted.keys()])).catch(report);
    },
  };
}
