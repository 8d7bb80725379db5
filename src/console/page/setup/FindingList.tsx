import type { Finding } from '../../protocol.ts';
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

/** What was found, the gravest first. */
export const FindingList = ({ findings }: { findings: readonly Finding[] }) => (
  <ul class="findings">
    {findings.toSorted(byGravity).map(({ severity, topic, message }) => (
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
);
