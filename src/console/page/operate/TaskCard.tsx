import { useEffect, useState } from 'preact/hooks';
import type { PhaseState } from '../../protocol.ts';
import { sentence } from '../format.ts';
import { ask } from '../live/connection.ts';
import { hasSeat } from '../live/seat.ts';
import { topics } from '../live/topics.ts';
import { Button } from '../parts/Button.tsx';
import { Icon } from '../parts/Icon.tsx';
import { Stepper } from '../parts/Stepper.tsx';
import { report } from '../parts/notices.ts';
import { Switch } from '../parts/Switch.tsx';
import { isOffered, reasonAgainstOperating } from './actions.ts';
import { heartbeat, switchHeartbeat } from './heartbeat.ts';
import { promptWarning } from './promptWarning.ts';
import { MOST_ATTEMPTS, series } from './series.ts';

/** Why neither task nor prompt can be changed now. */
const reasonAgainstChange = ({ phase }: PhaseState) =>
  reasonAgainstOperating() ??
  (['ready', 'reset', 'judgement'].includes(phase) ? undefined : 'Only between attempts');

function TaskChoice({ state }: { state: PhaseState }) {
  const tasks = topics.robot.value?.tasks ?? [];
  const reason = reasonAgainstChange(state);
  if (!isOffered('task') || tasks.length < 2)
    return (
      <div class="field">
        <span>Task</span>
        <p class="value">{state.task}</p>
      </div>
    );
  return (
    <label class="field">
      <span>Task</span>
      <select
        value={state.task}
        disabled={reason !== undefined}
        title={reason}
        onChange={({ currentTarget: { value } }) => void report(ask('task', { name: value }))}
      >
        {tasks.map(({ name }) => (
          <option key={name}>{name}</option>
        ))}
      </select>
    </label>
  );
}

/** What the policy does not read of the prompt. */
function PromptWarning({ prompt }: Pick<PhaseState, 'prompt'>) {
  const warning = promptWarning(topics.log.value ?? [], prompt);
  if (warning === undefined) return null;
  return (
    <p class="prompt-warning" role="status">
      <Icon name="warning" size={14} /> {sentence(warning)}
    </p>
  );
}

function PromptField({ state }: { state: PhaseState }) {
  const [text, setText] = useState(state.prompt);
  useEffect(() => setText(state.prompt), [state.prompt]);
  const reason = reasonAgainstChange(state);
  if (!isOffered('prompt'))
    return (
      <div class="field prompt">
        <span>Prompt</span>
        <p class="value">{state.prompt}</p>
        <PromptWarning prompt={state.prompt} />
      </div>
    );
  const submit = (event: Event) => {
    event.preventDefault();
    void report(ask('prompt', { text }));
  };
  return (
    <form class="row prompt" onSubmit={submit}>
      <label class="field grow">
        <span>Prompt</span>
        <input
          value={text}
          disabled={reason !== undefined}
          title={reason}
          onInput={({ currentTarget }) => setText(currentTarget.value)}
        />
        <PromptWarning prompt={state.prompt} />
      </label>
      {text !== state.prompt && <Button type="submit">Use it</Button>}
    </form>
  );
}

/** Whether the arms are let go where this page falls silent. */
function HeartbeatField() {
  const reason = reasonAgainstOperating();
  return (
    <div
      class="field"
      title={reason ?? 'With it, the arms brake to rest where this page falls silent'}
    >
      <span>Heartbeat</span>
      <Switch
        label="Heartbeat: hold where this page falls silent"
        on={heartbeat.value}
        reason={reason}
        onChange={(on) => void switchHeartbeat(on)}
      />
    </div>
  );
}

/** What the next attempt is about. */
export function TaskCard() {
  const state = topics.phase.value;
  if (!state) return null;
  return (
    <section class="card task-card" aria-label="Task">
      <TaskChoice state={state} />
      <PromptField state={state} />
      {isOffered('start') && (
        <Stepper label="Attempts" value={series} least={1} most={MOST_ATTEMPTS} />
      )}
      {hasSeat.value && isOffered('heartbeat') && <HeartbeatField />}
    </section>
  );
}
