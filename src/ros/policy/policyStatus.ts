import type { Percentiles } from '../../measure/distribution.ts';
import { describeMissed } from '../../measure/meters.ts';
import type { Status } from '../diagnostics.ts';
import { describePrecision } from '../../policy/bundle/precision.ts';
import type { WorkerPolicy } from '../../policy/worker/workerPolicy.ts';
import type { SessionConfig } from '../../session/session.ts';
import { providerName } from '../../session/providers.ts';
import type { Configured } from './configured.ts';
import type { TopicCount } from '../topicCounts.ts';
import { problemOf } from '../topics.ts';
import type { LoopCounts } from '../../control/loopOptions.ts';

/** Seconds without a usable message after which a topic is stale. */
const STALE = 1;

/** A figure's percentiles, if there are some, as values of a status. */
const percentiles = (name: string, read: Percentiles | undefined) =>
  read && {
    [`${name} p50 (ms)`]: read.p50.toFixed(2),
    [`${name} p99 (ms)`]: read.p99.toFixed(2),
    [`${name} p99.9 (ms)`]: read.p999.toFixed(2),
    [`${name} max (ms)`]: read.max.toFixed(2),
  };

/** How old a topic's newest is, s: by its stamp, or since it arrived, for the clock itself may stand. */
export const ageOf = ({ stamp, arrived }: TopicCount, now: bigint): number =>
  stamp === undefined || arrived === undefined
    ? Infinity
    : Math.max(Number(now - stamp) / 1e9, (performance.now() - arrived) / 1000);

function topicStatus(count: TopicCount, now: bigint, rate: number): Status {
  const { topic, source, messages } = count;
  const problem = problemOf(count);
  const age = ageOf(count, now);
  const values = { topic, messages, 'rate (Hz)': rate.toFixed(1), 'age (s)': age.toFixed(3) };
  const task = `${source} on ${topic}`;
  if (problem) return { task, level: 'error', message: problem, values };
  return age > STALE
    ? { task, level: 'stale', message: 'nothing new', values }
    : { task, level: 'ok', message: 'arriving', values };
}

/** The link to the learner in a line. */
function linkOf({ courier }: Configured): string {
  if (!courier) return 'none';
  const { connected, pending, acknowledged, lastError } = courier.status();
  return `${connected ? 'connected' : `not connected: ${lastError ?? 'no answer yet'}`}, ${acknowledged} episodes delivered, ${pending} to go`;
}

/** The execution providers that are used, and those of the session that could not be had. */
function providersOf(session: SessionConfig, { executionProviders }: WorkerPolicy) {
  const lacking = session.executionProviders
    .map(providerName)
    .filter((name) => !executionProviders.includes(name));
  const without = lacking.length > 0 ? ` (without ${lacking.join(', ')})` : '';
  return { lacking, text: executionProviders.join(', ') + without };
}

/** The version that plays. */
export const versionOf = ({ courier, driver }: Configured): string =>
  courier?.status().version ?? driver.version;

function chunkStatus(configured: Configured, counts: LoopCounts | undefined): Status {
  const { driver, session } = configured;
  const { own } = driver;
  const providers = own && providersOf(session, own.worker);
  const { figures } = configured.meters.reading();
  const values = {
    'policy version': versionOf(configured),
    ...(own &&
      providers && {
        'execution providers': providers.text,
        precision: describePrecision(own.bundle.precision, session),
      }),
    'learner link': linkOf(configured),
    chunks: counts?.chunks ?? 0,
    ...(counts?.mendedChunks && { 'chunks padded or cut': counts.mendedChunks }),
    ...(counts?.refusedChunks && { 'answers that were no chunk': counts.refusedChunks }),
    ...percentiles('latency', figures.total),
    ...percentiles('ONNX Runtime', figures.run),
    ...percentiles('observation to command', figures.reaction),
  };
  const level = providers && providers.lacking.length > 0 ? 'warn' : 'ok';
  return { task: 'policy', level, message: driver.name, values };
}

function loopStatus({ meters }: Configured, counts: LoopCounts | undefined, state: string): Status {
  const { figures, missed } = meters.reading();
  const guarded = [...(counts?.guard.values() ?? [])];
  const values = {
    steps: counts?.steps ?? 0,
    'missed steps': counts?.missedSteps ?? 0,
    'held steps': counts?.heldSteps ?? 0,
    'steps at rest for want of rows': counts?.starvedSteps ?? 0,
    'missed since it was configured': describeMissed(missed),
    ...percentiles('lateness', figures.lateness),
    ...Object.fromEntries(
      guarded.map(({ rule, source, count }) => [`guard ${rule} ${source}`, count]),
    ),
  };
  const level = guarded.length > 0 ? 'warn' : 'ok';
  return { task: 'control loop', level, message: state, values };
}

/** Messages a second of each topic since it was last asked. */
export function createRates() {
  const before = new Map<string, { messages: number; at: number }>();
  return ({ topic, messages }: TopicCount): number => {
    const at = performance.now();
    const last = before.get(topic) ?? { messages, at };
    before.set(topic, { messages, at });
    return at === last.at ? 0 : (1000 * (messages - last.messages)) / (at - last.at);
  };
}

/** What the policy's node says of itself on /diagnostics, each time it is asked. */
export function createPolicyStatuses(configured: Configured) {
  const rateOf = createRates();
  return (counts: LoopCounts | undefined, state: string): Status[] => {
    const { topics, clock } = configured.robot;
    const now = clock.now();
    return [
      ...topics.map((count) => topicStatus(count, now, rateOf(count))),
      chunkStatus(configured, counts),
      loopStatus(configured, counts, state),
    ];
  };
}
