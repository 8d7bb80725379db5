import type { Crew } from '../../protocol.ts';
import { ask, link } from '../live/connection.ts';
import { hasRobot, hasSeat, mayOperate } from '../live/seat.ts';
import { topics } from '../live/topics.ts';
import { Button } from '../parts/Button.tsx';
import { Icon } from '../parts/Icon.tsx';
import { reportRefusal } from '../parts/notices.ts';
import { heartbeatWords } from './heartbeat.ts';

/** Who operates, what this page can do meanwhile, and how it stands with their heartbeat. */
function sentences(operator: NonNullable<Crew['operator']>): string[] {
  const canStop = hasRobot.value && mayOperate.value;
  return [
    `${operator.name} operates.`,
    `You watch${canStop ? ', and can stop the robot' : ''}.`,
    ...(hasRobot.value || operator.silent ? [heartbeatWords(operator).sentence] : []),
  ];
}

/** Why a page does not operate, and how it can. Taking over from somebody is confirmed where people are shown. */
export function NoSeat() {
  if (link.value.state !== 'live' || hasSeat.value) return null;
  const operator = topics.crew.value?.operator;
  const canTake = operator === undefined && mayOperate.value;
  return (
    <section class="no-seat" aria-label="Seat">
      <Icon name="person" />
      <p class="grow">
        {operator ? sentences(operator).join(' ') : 'Nobody operates.'}
        {canTake && ' Take the seat to do so.'}
      </p>
      {canTake && (
        <Button tone="primary" onPress={() => void reportRefusal(ask('takeSeat', null))}>
          Take the seat
        </Button>
      )}
    </section>
  );
}
