import type { CourierFunctions, CourierWork, OwnerFunctions } from './courierMessages.ts';
import { setTimeout } from 'node:timers/promises';
import { messageOf } from '../../errors.ts';
import type { Calls } from '../../processes/calls.ts';
import { type Service, serve } from '../../processes/serve.ts';
import { type AdapterFile, openInbox } from './inbox.ts';
import { openOutbox } from './outbox.ts';
import type { Session } from './session.ts';
import { sessionsWith } from './sessionsWith.ts';

/** Milliseconds between the end of a connection and the next attempt. */
const FIRST_PAUSE = 50;
const LONGEST_PAUSE = 2000;

async function open(
  work: CourierWork,
  owner: Calls<OwnerFunctions>,
): Promise<Service<CourierFunctions>> {
  const log = (line: string) => owner.notify('log', line);
  const adopt = (file: AdapterFile) => owner.ask('adopt', file);
  const openSession = await sessionsWith(work);
  const outbox = await openOutbox(work.episodes);
  const inbox = await openInbox(work.adapters, work.policy, adopt, log);
  await outbox.refresh();
  await inbox.resume();
  let session: Session | undefined;
  let closing = false;
  let [lastError, pause]: [string | null, number] = [null, FIRST_PAUSE];

  const missed = (why: string) => {
    if (why !== lastError) log(why);
    lastError = why;
  };
  const report = (connected: boolean, refused: string | null = null, absent?: string) => {
    const { pending, acknowledged } = outbox;
    const { version } = inbox;
    if (connected) [lastError, pause] = [null, FIRST_PAUSE];
    if (absent !== undefined) missed(absent);
    owner.notify('status', { connected, pending, acknowledged, version, lastError, refused });
  };

  const keepConnected = async () => {
    while (!closing) {
      const { base } = work.policy;
      session = openSession({ base, outbox, inbox, log, onChange: report });
      const why = await session.ended;
      await outbox.refresh().catch((error: unknown) => log(messageOf(error)));
      if (closing) break;
      missed(why);
      report(false);
      await setTimeout(pause);
      pause = Math.min(2 * pause, LONGEST_PAUSE);
    }
    await outbox.close();
    await inbox.close();
  };
  report(false);
  const finished = keepConnected();
  return {
    notify: () => session?.notify(),
    async close() {
      closing = true;
      session?.close();
      await finished;
    },
  };
}

serve<CourierFunctions, CourierWork, OwnerFunctions>(open);
