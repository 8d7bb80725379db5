import type { ComponentChildren } from 'preact';
import type { Learning } from '../../protocol.ts';
import { clock, percent, range } from '../format.ts';
import { now } from '../live/clock.ts';
import { ask } from '../live/connection.ts';
import { playing } from '../live/playing.ts';
import { topics } from '../live/topics.ts';
import { isOffered, reasonAgainstOperating } from '../operate/actions.ts';
import { Button } from '../parts/Button.tsx';
import { report } from '../parts/notices.ts';
import { successInterval } from '../../../tensors/successRates.ts';

const Tile = ({ name, children }: { name: string; children: ComponentChildren }) => (
  <section class="card tile" aria-label={name}>
    <h2>{name}</h2>
    {children}
  </section>
);

/** How the newest judged attempts went, by the version that plays. */
function Success() {
  const version = playing.value;
  const attempts = (topics.attempts.value ?? []).filter(
    ({ blind, outcome, ...attempt }) =>
      !blind && attempt.version === version && outcome !== 'discarded',
  );
  const successes = attempts.filter(({ outcome }) => outcome === 'success').length;
  if (attempts.length === 0)
    return (
      <>
        <strong>–</strong>
        <p class="muted">no attempt with this version yet</p>
      </>
    );
  return (
    <>
      <strong>{percent(successes / attempts.length)}</strong>
      <p class="muted">
        {successes} of {attempts.length} · 95 %{' '}
        {range(successInterval({ successes, attempts: attempts.length }))}
      </p>
    </>
  );
}

function NextUpdate({ learning }: { learning: Learning }) {
  const { waiting, batch, timeLeft, at } = learning;
  const left = timeLeft === undefined ? undefined : Math.max(0, timeLeft - (now.value - at));
  return (
    <>
      <strong>
        {waiting}
        <small> of {batch}</small>
      </strong>
      <progress aria-label="Episodes for the next update" max={batch} value={waiting} />
      <p class="muted">
        {left === undefined
          ? 'no estimate yet'
          : left === 0
            ? 'any moment'
            : `about ${clock(left)} left`}
      </p>
    </>
  );
}

function State({ learning }: { learning: Learning }) {
  const { method, state, paused } = learning;
  return (
    <>
      <p class="state">{paused ? 'paused' : state}</p>
      <p class="muted">method {method}</p>
      {isOffered('pauseLearning') && (
        <Button
          icon={paused ? 'play' : 'pause'}
          reason={reasonAgainstOperating()}
          onPress={() => void report(ask('pauseLearning', { paused: !paused }))}
        >
          {paused ? 'Go on learning' : 'Pause learning'}
        </Button>
      )}
    </>
  );
}

/** Where learning stands, in large figures. */
export function Progress() {
  const learning = topics.learning.value;
  const last = learning?.points.at(-1);
  return (
    <div class="tiles">
      <Tile name="Success of this version">
        <Success />
      </Tile>
      <Tile name="Learned from">
        <strong>{last?.episodes ?? 0}</strong>
        <p class="muted">attempts in {last?.update ?? 0} updates</p>
      </Tile>
      <Tile name="Next update">
        {learning ? <NextUpdate learning={learning} /> : <p class="muted">no learner is there</p>}
      </Tile>
      <Tile name="Learner">
        {learning ? (
          <State learning={learning} />
        ) : (
          <p class="muted">Start one with “nalu learn” beside the robot.</p>
        )}
      </Tile>
    </div>
  );
}
