import { useEffect, useState } from 'preact/hooks';
import { messageOf } from '../../../errors.ts';
import type { Finding } from '../../protocol.ts';
import { ask } from '../live/connection.ts';
import { Button } from '../parts/Button.tsx';
import { Card } from '../parts/Card.tsx';
import { FindingList } from './FindingList.tsx';

/** What the doctor finds on this machine. */
export function MachineCard() {
  const [findings, setFindings] = useState<Finding[]>();
  const [problem, setProblem] = useState<string>();
  const [isBusy, setBusy] = useState(false);
  const look = () => {
    setBusy(true);
    ask('findings', null)
      .then(
        ({ value }) => {
          setFindings(value);
          setProblem(undefined);
        },
        (error: unknown) => setProblem(messageOf(error)),
      )
      .finally(() => setBusy(false));
  };
  useEffect(look, []);
  return (
    <Card
      title="This machine"
      aside={
        <Button
          class="small"
          icon="scene"
          reason={isBusy ? 'It is looking' : undefined}
          onPress={look}
        >
          Look again
        </Button>
      }
    >
      {problem !== undefined && <p class="empty">{problem}</p>}
      {!findings && problem === undefined && <p class="empty">Looking…</p>}
      {findings && <FindingList findings={findings} />}
    </Card>
  );
}
