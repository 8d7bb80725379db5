import { ask, link } from '../live/connection.ts';
import { hasRobot, hasSeat, mayOperate, operatorName } from '../live/seat.ts';
import { Button } from '../parts/Button.tsx';
import { Icon } from '../parts/Icon.tsx';
import { reportRefusal } from '../parts/notices.ts';

/** Why a page that may operate does not, and how it can. Taking over from somebody is confirmed where people are shown. */
export function NoSeat() {
  if (link.value.state !== 'live' || !mayOperate.value || hasSeat.value) return null;
  const name = operatorName.value;
  return (
    <section class="no-seat" aria-label="Seat">
      <Icon name="person" />
      <p class="grow">
        {name === undefined
          ? 'Nobody operates. Take the seat to do so.'
          : `${name} operates. You watch${hasRobot.value ? ', and can stop the robot' : ''}.`}
      </p>
      {name === undefined && (
        <Button tone="primary" onPress={() => void reportRefusal(ask('takeSeat', null))}>
          Take the seat
        </Button>
      )}
    </section>
  );
}
