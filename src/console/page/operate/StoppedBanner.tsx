import { useEffect, useState } from 'preact/hooks';
import { age } from '../format.ts';
import { now } from '../live/clock.ts';
import { ask } from '../live/connection.ts';
import { mayOperate } from '../live/seat.ts';
import { topics } from '../live/topics.ts';
import { Button } from '../parts/Button.tsx';
import { Icon } from '../parts/Icon.tsx';
import { reportRefusal } from '../parts/notices.ts';
import { reasonAgainstOperating } from './actions.ts';

/** Milliseconds after which an unconfirmed resume is forgotten. */
const FORGOTTEN = 10_000;

/** Releasing the stop takes two presses at different places. */
function Resume() {
  const [isAsking, setAsking] = useState(false);
  useEffect(() => {
    if (!isAsking) return;
    const timer = setTimeout(() => setAsking(false), FORGOTTEN);
    return () => clearTimeout(timer);
  }, [isAsking]);
  if (!isAsking)
    return (
      <Button icon="undo" reason={reasonAgainstOperating()} onPress={() => setAsking(true)}>
        Resume…
      </Button>
    );
  const release = () => {
    setAsking(false);
    void reportRefusal(ask('resume', null));
  };
  return (
    <div class="confirm" role="group" aria-label="Resume">
      <p>Is everybody clear of the arms?</p>
      <Button icon="octagon" onPress={() => setAsking(false)}>
        Keep it stopped
      </Button>
      <Button icon="check" onPress={release}>
        Release the stop
      </Button>
    </div>
  );
}

/** That the robot is stopped, why, and by whom. */
export function StoppedBanner() {
  const { at = 0, reason, by } = topics.phase.value ?? {};
  return (
    <section class="stopped" aria-label="Stopped">
      <Icon name="octagon" size={64} />
      <div class="grow">
        <p class="phase-word">Stopped</p>
        <p>
          {reason ?? (by === undefined ? 'no reason was given' : 'stopped by hand')}
          {by !== undefined && ` · by ${by}`} · {age(now.value - at)} ago
        </p>
      </div>
      {mayOperate.value && <Resume />}
    </section>
  );
}
