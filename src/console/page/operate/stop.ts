import { effect, signal } from '@preact/signals';
import { ask, link } from '../live/connection.ts';
import { topics } from '../live/topics.ts';
import { messageOf } from '../../../errors.ts';
import { notify } from '../parts/notices.ts';

/** Whether a stop was asked for that the robot's phase does not show yet. */
export const stopping = signal(false);

effect(() => {
  if (topics.phase.value?.phase === 'stopped' || link.value.state !== 'live')
    stopping.value = false;
});

/** Stops the robot. It may be called again at any time. */
export async function stop(): Promise<void> {
  stopping.value = topics.phase.value?.phase !== 'stopped';
  try {
    await ask('stop', {});
  } catch (error) {
    stopping.value = false;
    notify(`Not stopped: ${messageOf(error)}. Use the emergency stop of the robot.`, 'warn');
  }
}
