import { link } from './live/connection.ts';
import { hasRobot } from './live/seat.ts';
import { now } from './live/clock.ts';
import { age } from './format.ts';
import { topics } from './live/topics.ts';
import { Icon } from './parts/Icon.tsx';

/** What came to its end, and how; nothing where the connection alone is gone. */
function ending(): [ended?: string, how?: string] {
  const { calibration, learning } = topics;
  if (calibration.value?.ended !== undefined)
    return [calibration.value.ended, calibration.value.said.at(-1)];
  if (learning.value?.state !== 'ended') return [];
  return ['Learning has ended', 'nalu console with its folder shows all of it again.'];
}

/** What covers the page while it is not connected: nothing beneath it is live. */
export function Offline() {
  const state = link.value;
  if (state.state === 'live') return null;
  if (state.state === 'connecting')
    return (
      <div class="offline" role="status">
        <Icon name="plug" size={72} />
        <h1>Connecting…</h1>
      </div>
    );
  if (state.state === 'refused')
    return (
      <div class="offline" role="alert">
        <Icon name="warning" size={72} />
        <h1>Not admitted</h1>
        <p>{state.why}</p>
        <button type="button" class="button primary" onClick={() => location.reload()}>
          <span>Try again</span>
        </button>
      </div>
    );
  const [ended, how] = ending();
  if (ended !== undefined)
    return (
      <div class="offline" role="status">
        <Icon name="check" size={72} />
        <h1>{ended}</h1>
        <p>{how}</p>
      </div>
    );
  return (
    <div class="offline" data-testid="lost">
      <div role="alert">
        <Icon name="plug" size={72} />
        <h1>Connection lost</h1>
        {hasRobot.value && (
          <p class="strong">This page cannot stop the robot. Use its emergency stop.</p>
        )}
        <p>What is behind this message is old: {state.why}.</p>
      </div>
      <p class="muted" aria-hidden="true">
        {now.value > 0 && age(Date.now() - state.since)} without connection · trying again…
      </p>
    </div>
  );
}
