import { useState } from 'preact/hooks';
import { ask } from '../live/connection.ts';
import { topics } from '../live/topics.ts';
import { timeOfDay } from '../format.ts';
import { isOffered, reasonAgainstNow } from '../operate/actions.ts';
import { Button } from '../parts/Button.tsx';
import { Card } from '../parts/Card.tsx';
import { report } from '../parts/notices.ts';
import { FindingList } from './FindingList.tsx';

function CheckButton() {
  const [isBusy, setBusy] = useState(false);
  const check = () => {
    setBusy(true);
    void report(ask('check', null)).finally(() => setBusy(false));
  };
  return (
    <Button
      class="small"
      icon="scene"
      reason={isBusy ? 'It is checking' : reasonAgainstNow(['ready', 'reset'])}
      onPress={check}
    >
      Check
    </Button>
  );
}

/** Whether the policy fits the robot, as it was checked last. */
export function FitCard() {
  const fit = topics.fit.value;
  if (!fit && !isOffered('check')) return null;
  return (
    <Card title="Policy and robot" aside={isOffered('check') && <CheckButton />}>
      {fit ? (
        <>
          <p class="muted">checked at {timeOfDay(fit.at)}</p>
          <FindingList findings={fit.findings} />
        </>
      ) : (
        <p class="empty">
          Not checked yet. A check takes one observation and one chunk, and moves nothing.
        </p>
      )}
    </Card>
  );
}
