import type { Figures, PolicyDescription } from '../../protocol.ts';
import { bytes, milliseconds, shortVersion } from '../format.ts';
import { isBlind, playing } from '../live/playing.ts';
import { topics } from '../live/topics.ts';
import { Card } from '../parts/Card.tsx';
import { Chip } from '../parts/Chip.tsx';
import { Figure } from '../parts/Figure.tsx';

/** Bytes below which the disk counts as full soon. */
const LITTLE = 5e9;

/** How long chunks take, beside the time that they may take. */
function Latency({ chunk, deadline }: Pick<Figures, 'chunk' | 'deadline'>) {
  if (!chunk) return null;
  const most = 1.15 * Math.max(deadline, chunk.p99);
  const at = (ms: number) => `${(100 * ms) / most}%`;
  return (
    <div class="latency">
      <p>
        <span>chunk p50 {milliseconds(chunk.p50)}</span>
        <span>p99 {milliseconds(chunk.p99)}</span>
        <span class="muted">deadline {milliseconds(deadline)}</span>
      </p>
      <div class="latency-bar" aria-hidden="true">
        <i class={chunk.p99 > deadline ? 'late' : ''} style={{ width: at(chunk.p99) }} />
        <b style={{ width: at(chunk.p50) }} />
        <u style={{ left: at(deadline) }} />
      </div>
    </div>
  );
}

function Play({ policy }: { policy: PolicyDescription }) {
  const { steps, solver, horizon, executeSteps, join, precision, providers, family } = policy;
  return (
    <dl class="figures">
      <Figure name="Family">{family}</Figure>
      <Figure name="Chunk">
        {executeSteps} of {horizon} rows, {join}
      </Figure>
      {steps !== undefined && (
        <Figure name="Flow">
          {steps} steps{solver !== undefined && `, ${solver}`}
        </Figure>
      )}
      <Figure name="Runs on">
        {providers.join(', ')} · {precision}
      </Figure>
    </dl>
  );
}

function Run({ figures }: { figures: Figures }) {
  const { lateness, missedSteps, heldSteps, starvedSteps, diskLeft, link } = figures;
  return (
    <dl class="figures">
      {lateness && (
        <Figure name="Steps late by">
          p50 {milliseconds(lateness.p50)} · p99 {milliseconds(lateness.p99)}
        </Figure>
      )}
      <Figure name="Steps missed" hint="the loop was late, nothing was sent">
        {missedSteps}
      </Figure>
      <Figure name="Steps held" hint="the arms braked, or stayed where they were">
        {heldSteps}
      </Figure>
      <Figure name="… for want of rows" hint="the next chunk came late">
        {starvedSteps}
      </Figure>
      {link && (
        <Figure name="Learner" problem={!link.connected}>
          {link.connected ? 'connected' : (link.problem ?? 'not connected')} · {link.delivered} sent
          {link.pending > 0 && `, ${link.pending} wait`}
        </Figure>
      )}
      {diskLeft !== undefined && (
        <Figure name="Disk left" problem={diskLeft < LITTLE}>
          {bytes(diskLeft)}
        </Figure>
      )}
    </dl>
  );
}

/** The policy that plays, and how it keeps up. */
export function PolicyCard() {
  const policy = topics.policy.value;
  const figures = topics.figures.value;
  return (
    <Card
      title="Policy"
      class="policy-card"
      aside={
        policy?.pinned !== undefined &&
        !isBlind.value && (
          <Chip icon="pin" tone="accent">
            pinned
          </Chip>
        )
      }
    >
      {policy && (
        <p class="policy-name">
          <strong>{policy.name}</strong>{' '}
          {playing.value === undefined ? (
            <span class="muted">its version is told when the comparison has ended</span>
          ) : (
            <code title={playing.value}>{shortVersion(playing.value)}</code>
          )}
        </p>
      )}
      {figures && <Latency chunk={figures.chunk} deadline={figures.deadline} />}
      {figures && <Run figures={figures} />}
      {policy && <Play policy={policy} />}
    </Card>
  );
}
