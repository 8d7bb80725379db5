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

/** Milliseconds within which the phase should say that the robot is stopped. */
const PROMPT = 1000;

/** Stops the robot. It may be called again at any time. */
export async function stop(): Promise<void> {
  stopping.value = topics.phase.value?.phase !== 'stopped';
  setTimeout(() => {
    if (stopping.value) notify('The stop is not confirmed yet. If the arms move, use the emergency stop.', 'warn'); // prettier-ignore
  }, PROMPT);
  try {
    await ask('stop', {});
  } catch (error) {
    stopping.value = false;
    notify(`Not stopped: ${messageOf(error)}. Use the emergency stop of the robot.`, 'warn');
  }
}
