import { useEffect, useState } from 'preact/hooks';
import type { PhaseState } from '../../protocol.ts';
import { age } from '../format.ts';
import { now } from '../live/clock.ts';
import { ask } from '../live/connection.ts';
import { mayOperate } from '../live/seat.ts';
import { topics } from '../live/topics.ts';
import { Button } from '../parts/Button.tsx';
import { Dialog } from '../parts/Dialog.tsx';
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
  const keep = () => setAsking(false);
  const release = () => {
    keep();
    void reportRefusal(ask('resume', null));
  };
  return (
    <>
      <Button icon="undo" reason={reasonAgainstOperating()} onPress={() => setAsking(true)}>
        Resume…
      </Button>
      {isAsking && (
        <Dialog title="Resume" onClose={keep}>
          <p>Is everybody clear of the arms? Nothing moves before the next start.</p>
          <div class="row">
            <Button tone="primary" icon="check" onPress={release}>
              Release the stop
            </Button>
            <Button icon="octagon" onPress={keep}>
              Keep it stopped
            </Button>
          </div>
        </Dialog>
      )}
    </>
  );
}

/** "the cube fell · stopped by Ada" */
function whyText({ reason, by }: Pick<PhaseState, 'reason' | 'by'>): string {
  const told = [reason, by !== undefined && `stopped by ${by}`].filter(Boolean);
  return told.length === 0 ? 'no reason was given' : told.join(' · ');
}

/** That the robot is stopped, why, and by whom. */
export function StoppedBanner() {
  const { at = 0, reason, by } = topics.phase.value ?? {};
  return (
    <section class="stopped" aria-label="Stopped">
      <Icon name="octagon" size={56} />
      <div class="grow">
        <p class="phase-word">Stopped</p>
        <p>
          {whyText({ reason, by })} · {age(now.value - at)} ago
        </p>
      </div>
      {mayOperate.value && <Resume />}
    </section>
  );
}
