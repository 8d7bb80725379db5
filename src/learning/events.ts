import { join } from 'node:path';
import { appendJsonLines, readJsonLines } from '../files/jsonLines.ts';
import type { UpdateMetrics } from './metrics.ts';
import { currentMetrics } from './oldNames.ts';

/** What happened to the policy in a learner. */
export type LearnerEvent =
  | { event: 'published'; version: string; parent: string; report: UpdateMetrics }
  | { event: 'warmed up'; report: UpdateMetrics }
  | { event: 'unmoved'; reason: string; report: UpdateMetrics }
  | { event: 'kept back'; version: string; reason: string; report: UpdateMetrics }
  | { event: 'rolled back'; version: string; to: string }
  | { event: 'failed'; reason: string }
  | { event: 'left out'; path: string; reason: string };

/** In a learner's folder: events as JSON, one a line. An update made again after a kill stands there twice. */
const LOG = 'log.jsonl';

/** Appends events to a folder's log, with the time of day. Resolves when they are written. */
export function logEvents(folder: string, events: readonly LearnerEvent[]): Promise<void> {
  const time = new Date().toISOString();
  return appendJsonLines(
    join(folder, LOG),
    events.map((event) => ({ time, ...event })),
  );
}

/** The events of a folder, also of one written by an earlier version. See readJsonLines for `say`. */
export async function readEvents(
  folder: string,
  say?: (line: string) => void,
): Promise<LearnerEvent[]> {
  const events = await readJsonLines<LearnerEvent>(join(folder, LOG), say);
  return events.map((event) =>
    'report' in event ? { ...event, report: currentMetrics(event.report) } : event,
  );
}
