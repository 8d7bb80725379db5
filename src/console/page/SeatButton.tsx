import { useEffect, useRef, useState } from 'preact/hooks';
import type { Crew } from '../protocol.ts';
import { ask, link, reconnect } from './live/connection.ts';
import { MOST_LETTERS, personName, rename } from './live/identity.ts';
import { hasRobot, hasSeat, mayOperate, operatorName } from './live/seat.ts';
import { topics } from './live/topics.ts';
import { heartbeatWords } from './operate/heartbeat.ts';
import { Button } from './parts/Button.tsx';
import { Chip } from './parts/Chip.tsx';
import { Dialog } from './parts/Dialog.tsx';
import { Icon } from './parts/Icon.tsx';
import { notify, report, reportRefusal } from './parts/notices.ts';

const seatText = () => {
  if (hasSeat.value) return 'You operate';
  const name = operatorName.value;
  return name === undefined ? 'Nobody operates' : `${name} operates`;
};

/** Says so where the seat has changed hands. */
function useSeatNotice() {
  const operator = topics.crew.value?.operator;
  const own = link.value.state === 'live' ? link.value.id : undefined;
  const before = useRef({ own, had: operator?.id });
  useEffect(() => {
    const { own: owned, had } = before.current;
    before.current = { own, had: operator?.id };
    if (owned !== own || had === operator?.id) return;
    if (had === own && operator) notify(`${operator.name} has taken over: this page now watches`, 'warn'); // prettier-ignore
    if (operator?.id === own && had !== undefined) notify('You have taken over');
  }, [own, operator?.id]);
}

function OperatorChips({ operator }: { operator: NonNullable<Crew['operator']> }) {
  const { tone, icon, word } = heartbeatWords(operator);
  return (
    <>
      <Chip tone="accent" icon="hand">
        operates
      </Chip>
      {(hasRobot.value || operator.silent) && (
        <Chip tone={tone} icon={icon}>
          {word}
        </Chip>
      )}
    </>
  );
}

function People({ crew }: { crew: Crew | undefined }) {
  const own = link.value.state === 'live' ? link.value.id : undefined;
  return (
    <ul class="people">
      {crew?.people.map(({ id, name, role }) => (
        <li key={id}>
          <Icon name="person" />
          <span>
            {name}
            {id === own && ' (this page)'}
          </span>
          {crew.operator?.id === id && <OperatorChips operator={crew.operator} />}
          {role === 'watch' && <Chip icon="eye">may only watch</Chip>}
        </li>
      ))}
    </ul>
  );
}

function Naming() {
  const [name, setName] = useState(personName.value);
  const submit = (event: Event) => {
    event.preventDefault();
    if (name.trim() === personName.value) return;
    rename(name);
    reconnect();
  };
  return (
    <form class="row" onSubmit={submit}>
      <label class="field grow">
        <span>Your name, at most {MOST_LETTERS} characters</span>
        <input
          value={name}
          maxLength={MOST_LETTERS}
          onInput={({ currentTarget }) => setName(currentTarget.value)}
        />
      </label>
      <Button type="submit">Change</Button>
    </form>
  );
}

/** Taking the seat: from somebody else only as an act of its own. */
function Taking({ onDone }: { onDone: () => void }) {
  if (!mayOperate.value) return <p class="muted">This page may only watch.</p>;
  const take = async () => {
    if (await reportRefusal(ask('takeSeat', null))) onDone();
  };
  if (hasSeat.value)
    return <Button icon="undo" onPress={() => void report(ask('leaveSeat', null))}>Leave the seat</Button>; // prettier-ignore
  const name = operatorName.value;
  return (
    <>
      {name !== undefined && <p>{name} operates now, and will see that you took over.</p>}
      <Button tone="primary" icon="hand" onPress={() => void take()}>
        {name === undefined ? 'Take the seat' : `Take over from ${name}`}
      </Button>
    </>
  );
}

/** Who operates; opens who is there. */
export function SeatButton() {
  const [isOpen, open] = useState(false);
  useSeatNotice();
  const text = seatText();
  return (
    <>
      <button
        type="button"
        class={`seat ${hasSeat.value ? 'own' : ''}`}
        aria-label={`${text}. Who is there`}
        title={text}
        onClick={() => open(true)}
      >
        <Icon name={mayOperate.value ? 'person' : 'eye'} />
        <span>{text}</span>
      </button>
      {isOpen && (
        <Dialog title="Who is there" onClose={() => open(false)}>
          <People crew={topics.crew.value} />
          <Taking onDone={() => open(false)} />
          <Naming />
        </Dialog>
      )}
    </>
  );
}
