import { setTimeout } from 'node:timers/promises';
import type { Console } from '../../console/console.ts';
import { messageOf } from '../../errors.ts';
import { connectNats } from '../../nats/connect.ts';
import { readFleet } from './fleetState.ts';

/** Milliseconds between two looks, each of which listens for a while. */
const PAUSE = 1000;

export interface FleetTopic {
  address: string;
  keys?: string;
  log: (line: string) => void;
}

/** Shows the robots of a server at a console, again and again, as `nalu fleet` does. Returns what ends it. */
export function showRobots(
  console: Pick<Console, 'publish'>,
  { address, keys, log }: FleetTopic,
): () => Promise<void> {
  const closing = new AbortController();
  const { signal } = closing;
  let problem: string | undefined;
  const show = async () => {
    const nats = await connectNats({ address, keys });
    try {
      while (!signal.aborted) {
        const { robots, waiting } = await readFleet(nats);
        console.publish('fleet', { at: Date.now(), robots, waiting });
        problem = undefined;
        await setTimeout(PAUSE, undefined, { signal });
      }
    } finally {
      await nats.close();
    }
  };
  const showForEver = async () => {
    while (!signal.aborted) {
      await show().catch((error: unknown) => {
        const text = messageOf(error);
        if (!signal.aborted && text !== problem) log((problem = text));
      });
      await setTimeout(PAUSE, undefined, { signal }).catch(() => undefined);
    }
  };
  const ended = showForEver();
  return async () => {
    closing.abort();
    await ended;
  };
}
