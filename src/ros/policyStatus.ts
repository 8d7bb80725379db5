import type { LoopCounts } from '../runtime/loop.ts';
import type { Status } from './diagnostics.ts';
import type { Configured } from './policyNode.ts';
import type { TopicCount } from './rosRobot.ts';

/** Seconds without a usable message after which a topic is stale. */
const STALE = 1;

const percentile = (sorted: number[], share: number) =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];

function topicStatus({ topic, source, messages, stamp, problem }: TopicCount, now: bigint): Status {
  const age = stamp === undefined ? Infinity : Number(now - stamp) / 1e9;
  const values = { topic, messages, 'age (s)': age.toFixed(3) };
  const task = `${source} on ${topic}`;
  if (problem) return { task, level: 'error', message: problem, values };
  return age > STALE
    ? { task, level: 'stale', message: 'nothing new', values }
    : { task, level: 'ok', message: 'arriving', values };
}

function chunkStatus({ bundle }: Configured, counts: LoopCounts | undefined): Status {
  const total = (counts?.timings ?? []).map((timing) => timing.total).sort((a, b) => a - b);
  const values = {
    'policy version': bundle.version,
    'learner link': 'none',
    chunks: counts?.chunks ?? 0,
    ...(total.length > 0 && {
      'latency p50 (ms)': percentile(total, 0.5).toFixed(1),
      'latency p99 (ms)': percentile(total, 0.99).toFixed(1),
    }),
  };
  return { task: 'policy', level: 'ok', message: bundle.name, values };
}

function loopStatus(counts: LoopCounts | undefined, state: string): Status {
  const guarded = [...(counts?.guard.values() ?? [])];
  const values = {
    steps: counts?.steps ?? 0,
    'missed steps': counts?.missedSteps ?? 0,
    'held steps': counts?.heldSteps ?? 0,
    ...Object.fromEntries(
      guarded.map(({ rule, source, count }) => [`guard ${rule} ${source}`, count]),
    ),
  };
  const level = guarded.length > 0 ? 'warn' : 'ok';
  return { task: 'control loop', level, message: state, values };
}

/** What the policy's node says of itself on /diagnostics. */
export const policyStatuses = (
  configured: Configured,
  counts: LoopCounts | undefined,
  state: string,
): Status[] => [
  ...configured.robot.topics.map((count) => topicStatus(count, configured.robot.clock.now())),
  chunkStatus(configured, counts),
  loopStatus(counts, state),
];
