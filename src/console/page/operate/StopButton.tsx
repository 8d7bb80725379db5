import { link } from '../live/connection.ts';
import { topics } from '../live/topics.ts';
import { mayOperate } from '../live/seat.ts';
import { Icon } from '../parts/Icon.tsx';
import { stop, stopping } from './stop.ts';

const words = () => {
  if (topics.phase.value?.phase === 'stopped') return 'Stopped';
  return stopping.value ? 'Stopping…' : 'STOP';
};

/** Stops the robot as soon as a finger touches it. */
export function StopButton() {
  const isLive = link.value.state === 'live';
  if (!isLive || !mayOperate.value)
    return (
      <p class="cannot-stop">
        <Icon name={isLive ? 'eye' : 'plug'} />
        {isLive ? 'This page may only watch' : 'There is no connection'}: it cannot stop the robot
      </p>
    );
  const word = words();
  return (
    <button
      type="button"
      class={`stop ${word === 'Stopped' ? 'latched' : ''}`}
      aria-keyshortcuts="Space Escape"
      onPointerDown={() => void stop()}
      onClick={({ detail }) => detail === 0 && void stop()}
    >
      <Icon name="octagon" size={32} />
      <span>{word}</span>
      <kbd class="keyboard-only" aria-hidden="true">
        Space
      </kbd>
    </button>
  );
}
