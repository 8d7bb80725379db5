import { z } from 'zod';
import type { RequestName, Role } from './protocol.ts';

const nothing = z.null();
const text = (most: number) => z.string().trim().min(1).max(most);
const outcome = z.enum(['success', 'failure', 'discarded']);
const id = text(200);

/** Who answers a request: the robot's runtime, or the console's own process. */
type Answerer = 'runtime' | 'console';

interface Rule {
  /** What a page must be allowed to. */
  role: Role;
  /** Whether only the one that operates may ask. */
  seat: boolean;
  answerer: Answerer;
  /** What it takes. */
  takes: z.ZodType;
}

const operating = (takes: z.ZodType): Rule => ({
  role: 'operate',
  seat: true,
  answerer: 'runtime',
  takes,
});
const watching = (takes: z.ZodType): Rule => ({
  role: 'watch',
  seat: false,
  answerer: 'console',
  takes,
});

/** What pages may ask, and who answers. */
export const RULES: Readonly<Record<RequestName, Rule>> = {
  start: operating(z.object({ attempts: z.int().min(1).max(1000).optional() })),
  success: operating(nothing),
  failure: operating(nothing),
  discard: operating(nothing),
  // Whoever may operate may stop, whoever holds the seat.
  stop: { ...operating(z.object({ reason: text(200).optional() })), seat: false },
  resume: operating(nothing),
  home: operating(nothing),
  sceneReady: operating(nothing),
  check: operating(nothing),
  task: operating(z.object({ name: text(100) })),
  prompt: operating(z.object({ text: text(1000) })),
  pin: operating(z.object({ version: text(200).nullable() })),
  rollBack: operating(z.object({ version: text(200) })),
  pauseLearning: operating(z.object({ paused: z.boolean() })),
  compare: operating(z.object({ a: text(200), b: text(200), attempts: z.int().min(1).max(500) })),
  endComparison: operating(nothing),
  answer: operating(z.object({ question: z.int(), key: z.string().max(100) })),
  takeSeat: { ...operating(nothing), seat: false, answerer: 'console' },
  leaveSeat: { ...operating(nothing), answerer: 'console' },
  heartbeat: { ...operating(z.object({ on: z.boolean() })), answerer: 'console' },
  episodes: watching(nothing),
  episode: watching(z.object({ id })),
  episodePicture: watching(z.object({ id, camera: text(100), time: z.number() })),
  download: watching(z.object({ id })),
  label: {
    ...operating(z.object({ id, outcome, note: text(500).optional() })),
    answerer: 'console',
  },
  exportEpisodes: {
    ...operating(z.object({ ids: z.array(id).min(1).max(100_000), out: text(1000) })),
    answerer: 'console',
  },
  findings: watching(nothing),
};

/** Whether a text is the name of a request. */
export const isRequest = (name: unknown): name is RequestName =>
  typeof name === 'string' && Object.hasOwn(RULES, name);
