import { type Outcome, REWARDS } from '../episodes/episode.ts';
import type { Counts } from '../tensors/successRates.ts';
import type { LoggedEvent, Updated } from './events.ts';
import type { UpdateMetrics } from './metrics.ts';

/** An update that a log tells of. Its attempts count as they are labelled now: discarded ones do not. */
export interface CountedUpdate extends Counts {
  /** When it was logged, ms of the wall clock. */
  at: number;
  report: UpdateMetrics;
  /** Attempts that were learned from before it, as they were then. */
  before: number;
  /** Of its attempts, those whose outcome was corrected after it had learned from them. */
  corrected: number;
}

/** The attempts of an update by the outcomes that they are labelled with now. */
function countAsLabelled(
  { report, rewards = {} }: Updated,
  labels: ReadonlyMap<string, Outcome>,
): Pick<CountedUpdate, 'attempts' | 'successes' | 'corrected'> {
  let { attempts, successes } = report;
  let corrected = 0;
  for (const [id, then] of Object.entries(rewards)) {
    const label = labels.get(id);
    const now = label === undefined ? then : REWARDS[label];
    if (now === then) continue;
    corrected += 1;
    attempts -= Number(now === null);
    successes += (now ?? 0) - then;
  }
  return { attempts, successes, corrected };
}

/** The updates in a log, of one that was repeated after a kill the last; `labels` are outcomes by id of the episode. */
export function countUpdates(
  events: readonly LoggedEvent[],
  labels: ReadonlyMap<string, Outcome>,
): CountedUpdate[] {
  const updates = new Map<number, LoggedEvent & Updated>();
  for (const event of events) if ('report' in event) updates.set(event.report.update, event);
  let before = 0;
  return [...updates.values()].map((event) => {
    const { time, report } = event;
    const counted = { at: Date.parse(time), report, before, ...countAsLabelled(event, labels) };
    before += report.attempts;
    return counted;
  });
}
