import { useSignal } from '@preact/signals';
import { shortVersion } from '../format.ts';
import { ask } from '../live/connection.ts';
import { topics } from '../live/topics.ts';
import { isOffered, reasonAgainstOperating } from '../operate/actions.ts';
import { Button } from '../parts/Button.tsx';
import { Card } from '../parts/Card.tsx';
import { Stepper } from '../parts/Stepper.tsx';
import { report } from '../parts/notices.ts';

/** Attempts of a comparison by default, of both versions together. */
const ATTEMPTS = 40;
const MOST = 500;

interface ChoiceProps {
  name: string;
  value: string;
  versions: string[];
  onChange: (version: string) => void;
}

const Choice = ({ name, value, versions, onChange }: ChoiceProps) => (
  <label class="field">
    <span>{name}</span>
    <select value={value} onChange={({ currentTarget }) => onChange(currentTarget.value)}>
      {versions.map((version) => (
        <option key={version} value={version}>
          {shortVersion(version)}
        </option>
      ))}
    </select>
  </label>
);

/** Chooses two versions and begins. */
export function CompareForm() {
  const versions = topics.policy.value?.versions ?? [];
  const [newest, before] = versions.slice(-2).reverse();
  const a = useSignal<string | undefined>(undefined);
  const b = useSignal<string | undefined>(undefined);
  const attempts = useSignal(ATTEMPTS);
  const [first, second] = [a.value ?? before ?? newest ?? '', b.value ?? newest ?? ''];
  const reason = () => {
    if (versions.length < 2) return 'There is only one version';
    if (first === second) return 'Choose two different versions';
    const phase = topics.phase.value?.phase;
    if (phase !== 'ready') return 'Not while the robot is busy or stopped';
    return reasonAgainstOperating();
  };
  if (!isOffered('compare'))
    return (
      <Card title="New comparison">
        <p class="empty">
          This robot plays one version: there is nothing to compare it with. Others come by{' '}
          <code>--adapters</code> of nalu sim, or by the node's parameter <code>adapters</code>.
        </p>
      </Card>
    );
  return (
    <Card title="New comparison" class="compare-form">
      <p class="muted">
        The versions take turns in a random order. Until all attempts are judged, nobody sees which
        one plays.
      </p>
      <Choice
        name="One version"
        value={first}
        versions={versions}
        onChange={(version) => (a.value = version)}
      />
      <Choice
        name="The other"
        value={second}
        versions={versions}
        onChange={(version) => (b.value = version)}
      />
      <Stepper label="Attempts" value={attempts} least={2} most={MOST} step={2} />
      <Button
        tone="primary"
        icon="scale"
        reason={reason()}
        onPress={() =>
          void report(ask('compare', { a: first, b: second, attempts: attempts.value }))
        }
      >
        Start the comparison
      </Button>
    </Card>
  );
}
