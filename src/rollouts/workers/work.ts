import { randomBytes } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { openParts } from '../../processes/openParts.ts';
import { startHeartbeat } from '../../nats/presence.ts';
import type { Output } from '../../terminal/output.ts';
import { speaker } from '../../terminal/speaker.ts';
import { openWorkPlace } from './place.ts';
import { NALU, type WorkerSign } from './protocol.ts';
import { openScratch } from './scratch.ts';
import { followRuns } from './servedRuns.ts';
import { runSlot } from './slot.ts';

export interface WorkOptions {
  /** `nats://HOST:PORT` */
  address: string;
  /** Folder of keys that the server knows. */
  keys?: string;
  /** Attempts at the same time. */
  processes: number;
}

/**
 * Makes attempts for the runs at a NATS server until the signal aborts, and through every absence of the server.
 * Throws a `UserError` where it cannot begin.
 */
export async function work(
  { address, keys, processes }: WorkOptions,
  { out, signal }: { out: Output; signal: AbortSignal },
): Promise<void> {
  const { note, live } = speaker(out);
  const { keep, closeAll } = openParts();
  try {
    const scratch = keep(await openScratch());
    const place = keep(await openWorkPlace({ address, keys, log: note }));
    const { nats } = place;
    const changes = new EventEmitter().setMaxListeners(0);
    let declined = (): Record<string, string> => ({});
    const state = { busy: 0, made: 0, problem: null as string | null };
    const sign = (): WorkerSign => ({
      ...{ nalu: NALU, name: nats.name, processes, ...state },
      declined: declined(),
    });
    const heartbeat = await startHeartbeat(place.workers, `${nats.name}-${randomBytes(4).toString('hex')}`, sign); // prettier-ignore
    keep({ close: () => (place.isReachable() ? heartbeat.close() : heartbeat.stop()) });
    const { folder } = scratch;
    const onChange = () => {
      changes.emit('change');
      heartbeat.now();
    };
    const runs = keep(await followRuns({ place, folder, log: note, onChange }));
    declined = () => runs.declined();
    note(`${nats.name}: attempts for whoever asks at ${nats.address}, ${processes} at a time`);
    const slot = () =>
      runSlot({
        ...{ place, runs, folder, signal },
        change: () => once(changes, 'change'),
        busy: (isBusy) => (state.busy += isBusy ? 1 : -1),
        made: () => live(`${++state.made} attempts made`),
        problem(text) {
          note(text);
          state.problem = text;
          heartbeat.now();
        },
      });
    await Promise.all(Array.from({ length: processes }, slot));
  } finally {
    await closeAll();
  }
}
