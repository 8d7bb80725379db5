import { useSignal } from '@preact/signals';
import { useState } from 'preact/hooks';
import { dayAndTime, plural, shortVersion } from '../format.ts';
import { ask } from '../live/connection.ts';
import { topics } from '../live/topics.ts';
import { isOffered, reasonAgainstOperating } from '../operate/actions.ts';
import { Button } from '../parts/Button.tsx';
import { Card } from '../parts/Card.tsx';
import { Dialog } from '../parts/Dialog.tsx';
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

/** A version, where it stands among the others, and what the learner knows of it. */
function describe(version: string, i: number, count: number): string {
  const place = i === 0 ? 'the first' : i === count - 1 ? 'the newest' : `${i + 1} of ${count}`;
  const learned = topics.learning.value?.versions.find((line) => line.version === version);
  const known = learned && `, of ${dayAndTime(learned.at)}`;
  return `${shortVersion(version)}: ${place}${known ?? ''}`;
}

const Choice = ({ name, value, versions, onChange }: ChoiceProps) => (
  <label class="field">
    <span>{name}</span>
    <select value={value} onChange={({ currentTarget }) => onChange(currentTarget.value)}>
      {versions.map((version, i) => (
        <option key={version} value={version}>
          {describe(version, i, versions.length)}
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
  const [isAsking, setAsking] = useState(false);
  const [first, second] = [a.value ?? before ?? newest ?? '', b.value ?? newest ?? ''];
  const reason = () => {
    if (versions.length < 2) return 'There is only one version';
    if (first === second) return 'Choose two different versions';
    const phase = topics.phase.value?.phase;
    if (phase !== 'ready') return 'Not while the robot is busy or stopped';
    return reasonAgainstOperating();
  };
  const begin = async () => {
    setAsking(false);
    if (await report(ask('compare', { a: first, b: second, attempts: attempts.value })))
      location.hash = '#operate';
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
      <Button tone="primary" icon="scale" reason={reason()} onPress={() => setAsking(true)}>
        Start the comparison…
      </Button>
      {isAsking && (
        <Dialog title="Start the comparison" onClose={() => setAsking(false)}>
          <p>
            The arms move at once, for the first of {plural(attempts.value, 'attempt')}. You see and
            judge them on <em>Operate</em>. Is everybody clear of the arms?
          </p>
          <div class="row">
            <Button tone="primary" icon="play" onPress={() => void begin()}>
              Start
            </Button>
            <Button onPress={() => setAsking(false)}>Cancel</Button>
          </div>
        </Dialog>
      )}
    </Card>
  );
}
