import { join } from 'node:path';
import { appendJsonLines, readJsonLines } from '../files/jsonLines.ts';
import type { UpdateMetrics } from './metrics.ts';
import { currentMetrics } from './oldNames.ts';

/** An event in a learner's life. */
export type LearnerEvent =
  | { event: 'published'; version: string; parent: string; report: UpdateMetrics }
  | { event: 'warmed up'; report: UpdateMetrics }
  | { event: 'unmoved'; reason: string; report: UpdateMetrics }
  | { event: 'kept back'; version: string; reason: string; report: UpdateMetrics }
  | { event: 'rolled back'; version: string; to: string }
  | { event: 'failed'; reason: string }
  | { event: 'left out'; path: string; reason: string };

/** The log in a learner's folder, JSON Lines. An update repeated after a kill appears twice. */
const LOG = 'log.jsonl';

/** Appends events to a folder's log, with the time of day. Resolves when they are written. */
export function logEvents(folder: string, events: readonly LearnerEvent[]): Promise<void> {
  const time = new Date().toISOString();
  return appendJsonLines(
    join(folder, LOG),
    events.map((event) => ({ time, ...event })),
  );
}

/**
 * Reads the events of a folder, including those of earlier versions. `say` receives the warnings of
 * readJsonLines.
 */
export async function readEvents(
  folder: string,
  say?: (line: string) => void,
): Promise<LearnerEvent[]> {
  const events = await readJsonLines<LearnerEvent>(join(folder, LOG), say);
  return events.map((event) =>
    'report' in event ? { ...event, report: currentMetrics(event.report) } : event,
  );
}
