import { useEffect, useState } from 'preact/hooks';
import { messageOf } from '../../../errors.ts';
import type { Finding } from '../../protocol.ts';
import { ask } from '../live/connection.ts';
import { Button } from '../parts/Button.tsx';
import { Card } from '../parts/Card.tsx';
import { Chip, type Tone } from '../parts/Chip.tsx';
import type { IconName } from '../parts/Icon.tsx';

/** From the gravest to the best. */
const SEVERITIES: Record<Finding['severity'], { tone: Tone; icon: IconName }> = {
  error: { tone: 'bad', icon: 'cross' },
  warning: { tone: 'warn', icon: 'warning' },
  note: { tone: 'plain', icon: 'info' },
  ok: { tone: 'good', icon: 'check' },
};
const ORDER = Object.keys(SEVERITIES);

const byGravity = (a: Finding, b: Finding) => ORDER.indexOf(a.severity) - ORDER.indexOf(b.severity);

/** What was found about machine, policy and robot. */
export function Findings() {
  const [findings, setFindings] = useState<Finding[]>();
  const [problem, setProblem] = useState<string>();
  const [isBusy, setBusy] = useState(false);
  const look = () => {
    setBusy(true);
    ask('findings', null)
      .then(
        ({ value }) => {
          setFindings(value.toSorted(byGravity));
          setProblem(undefined);
        },
        (error: unknown) => setProblem(messageOf(error)),
      )
      .finally(() => setBusy(false));
  };
  useEffect(look, []);
  return (
    <Card
      title="Findings"
      class="findings"
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
      <ul>
        {findings?.map(({ severity, topic, message }) => (
          <li key={`${topic}${message}`}>
            <Chip {...SEVERITIES[severity]}>{severity}</Chip>
            <p>
              <strong>{topic}</strong>
              <br />
              {message}
            </p>
          </li>
        ))}
      </ul>
    </Card>
  );
}
