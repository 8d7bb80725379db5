import { effect, signal } from '@preact/signals';
import { ask, link } from '../live/connection.ts';
import { report } from '../parts/notices.ts';

/** Whether the robot holds where this page falls silent. A new connection begins without. */
export const heartbeat = signal(false);

effect(() => {
  if (link.value.state !== 'live') heartbeat.value = false;
});

export async function switchHeartbeat(on: boolean): Promise<void> {
  if (await report(ask('heartbeat', { on }))) heartbeat.value = on;
}
