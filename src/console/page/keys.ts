import { topics } from './live/topics.ts';
import { hasRobot, mayOperate } from './live/seat.ts';
import { ACTIONS, ACTION_NAMES, act, isOffered } from './operate/actions.ts';
import { stop } from './operate/stop.ts';
import { closeDialog, isDialogOpen } from './parts/dialogs.ts';
import { tab } from './route.ts';

/** Whether a field has the focus that has its own use for letters and spaces. */
const isWriting = (target: EventTarget | null) =>
  target instanceof HTMLElement && target.matches('input:not([type=range]), textarea, select');

/** Whether Enter presses a button or link that was reached by keys. One that was clicked keeps the focus unseen. */
const isPressing = (target: EventTarget | null) =>
  target instanceof HTMLElement && target.matches(':is(button, a):focus-visible');

/** The action that the key stands for now: one key may mean different things in different phases. */
function actionOf(key: string) {
  const phase = topics.phase.value?.phase;
  const named = ACTION_NAMES.filter((name) => ACTIONS[name].key === key && isOffered(name));
  return named.find((name) => phase && ACTIONS[name].during.includes(phase)) ?? named[0];
}

/** Space stops on every tab, whatever has the focus but a field; Escape there too, unless it has a dialog to close. */
function onKey(event: KeyboardEvent): void {
  if (event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
  const isText = isWriting(event.target);
  const isOpen = isDialogOpen();
  if (event.key === 'Escape' && isOpen) return closeDialog();
  if ((event.key === ' ' && !isText) || event.key === 'Escape') {
    event.preventDefault();
    if (mayOperate.value && hasRobot.value) void stop();
    return;
  }
  if (isOpen || isText || tab.value !== 'operate') return;
  const key = event.key.toLowerCase();
  if (key === 'enter' && isPressing(event.target)) return;
  const action = actionOf(key);
  if (!action) return;
  event.preventDefault();
  act(action);
}

/** A space that has stopped the robot presses no button when it is released. */
function onKeyUp(event: KeyboardEvent): void {
  if (event.key === ' ' && !isWriting(event.target)) event.preventDefault();
}

export function listenToKeys(): void {
  window.addEventListener('keydown', onKey);
  window.addEventListener('keyup', onKeyUp);
}
