import { messageOf } from '../errors.ts';
import { toldOf } from '../systemErrors.ts';

/** What a worker process tells the one that it works for. */
export interface WorkerVoice<Reply> {
  tell: (reply: Reply) => void;
  /** Tells of an error, which its parent then reports. */
  fail: (error: unknown) => void;
}

/**
 * Makes this process the worker of the one that forked it: `onOrphaned` is called when that one is gone or
 * lets it go. A terminal's Ctrl-C comes here too; the parent hears it and decides.
 */
export function workFor<Reply>(onOrphaned: () => void): WorkerVoice<Reply | { error: string }> {
  process.on('disconnect', onOrphaned);
  if (!process.connected) onOrphaned();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => undefined);

  const tell = (reply: Reply | { error: string }) => {
    if (process.connected) process.send!(reply, undefined, undefined, () => undefined);
  };
  return {
    tell,
    fail(error) {
      const told = toldOf(error);
      if (told === undefined) console.error(error);
      tell({ error: told ?? messageOf(error) });
    },
  };
}
