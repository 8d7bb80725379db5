import { join } from 'node:path';
import type { Outcome } from '../episodes/episode.ts';
import { appendJsonLines, readJsonLines } from '../files/jsonLines.ts';
import type { UpdateMetrics } from './metrics.ts';
import { currentMetrics } from './oldNames.ts';
import type { RobotAttempts } from './versions.ts';

/** What there is to tell of an update, however it ended. */
export interface Updated {
  report: UpdateMetrics;
  /** What each attempt that it learned from was worth then, by id; missing in logs of earlier versions. */
  rewards?: Readonly<Record<string, number>>;
  /** The attempts that it learned from by robot and version; absent where no robot has a name. */
  robots?: readonly RobotAttempts[];
}

/** An event in a learner's life. */
export type LearnerEvent =
  | ({ event: 'published'; version: string; parent: string } & Updated)
  | ({ event: 'warmed up' } & Updated)
  | ({ event: 'unmoved'; reason: string } & Updated)
  | ({ event: 'kept back'; version: string; reason: string } & Updated)
  /** By a person, or because it proved worse. */
  | { event: 'rolled back'; version: string; to: string; by?: string }
  | { event: 'paused' | 'resumed'; by: string }
  /** Of one robot of a fleet, or of all. */
  | { event: 'pinned' | 'released'; version: string; by: string; robot?: string }
  /** Some robots play it before the others do. */
  | { event: 'on trial'; version: string; names: readonly string[] }
  /** All robots play it: a person's order, or the end of its trial. */
  | { event: 'rolled out'; version: string; by?: string }
  | {
      event: 'corrected';
      /** Of the episode that was labelled. */
      id: string;
      outcome: Outcome;
      /** Whether it counts so for its version, is still to be learned from, or changes nothing. */
      effect: 'counts' | 'waits' | 'none';
      version?: string;
    }
  | { event: 'failed'; reason: string }
  | { event: 'left out'; path: string; reason: string };

/** An event with the time of day at which it was logged, as ISO 8601. */
export type LoggedEvent = LearnerEvent & { time: string };

/** The log in a learner's folder, JSON Lines. An update repeated after a kill appears twice. */
const LOG = 'log.jsonl';

export const logFile = (folder: string): string => join(folder, LOG);

/** Appends events to a folder's log, with the time of day. Resolves when they are written. */
export function logEvents(folder: string, events: readonly LearnerEvent[]): Promise<void> {
  const time = new Date().toISOString();
  return appendJsonLines(
    logFile(folder),
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
): Promise<LoggedEvent[]> {
  const events = await readJsonLines<LoggedEvent>(logFile(folder), say);
  return events.map((event) =>
    'report' in event ? { ...event, report: currentMetrics(event.report) } : event,
  );
}
