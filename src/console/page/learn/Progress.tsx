import type { ComponentChildren } from 'preact';
import type { Learning } from '../../protocol.ts';
import { clock, percent, plural, range } from '../format.ts';
import { now } from '../live/clock.ts';
import { ask } from '../live/connection.ts';
import { playing } from '../live/playing.ts';
import { hasEpisodesOnly } from '../live/seat.ts';
import { topics } from '../live/topics.ts';
import { isOffered, reasonAgainstOperating } from '../operate/actions.ts';
import { Button } from '../parts/Button.tsx';
import { report } from '../parts/notices.ts';
import { attempts } from './attempts.ts';
import { type Counts, successInterval } from '../../../tensors/successRates.ts';

const Tile = ({ name, children }: { name: string; children: ComponentChildren }) => (
  <section class="card tile" aria-label={name}>
    <h2>{name}</h2>
    {children}
  </section>
);

/** Attempts with the version that plays, or all where none does: as the learner counts them with an update, until then as this robot made them. */
function countsOfVersion(): Counts {
  const version = playing.value;
  const learned = topics.learning.value?.versions.find((line) => line.version === version);
  if (learned && learned.attempts > 0) return learned;
  const judged = attempts.value.filter(
    ({ blind, outcome, ...attempt }) =>
      !blind && (hasEpisodesOnly.value || attempt.version === version) && outcome !== 'discarded',
  );
  const successes = judged.filter(({ outcome }) => outcome === 'success').length;
  return { attempts: judged.length, successes };
}

function Success() {
  const counts = countsOfVersion();
  if (counts.attempts === 0)
    return (
      <>
        <strong>–</strong>
        <p class="muted">
          no attempt{!hasEpisodesOnly.value && ' with this version'} is counted yet
        </p>
      </>
    );
  return (
    <>
      <strong>{percent(counts.successes / counts.attempts)}</strong>
      <p class="muted">
        {counts.successes} of {counts.attempts} · 95 % {range(successInterval(counts))}
      </p>
    </>
  );
}

function leftText(left: number | undefined): string {
  if (left === undefined) return 'no estimate yet';
  return left === 0 ? 'any moment' : `about ${clock(left)} left`;
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
        {learning.paused || learning.pinned !== undefined
          ? 'not before it goes on'
          : leftText(left)}
      </p>
    </>
  );
}

function State({ learning }: { learning: Learning }) {
  const { method, state, paused, pinned } = learning;
  const isPinnedToo = paused && pinned !== undefined;
  return (
    <>
      <p class="state">{paused ? 'paused' : state}</p>
      {isPinnedToo && <p class="muted">and a version is pinned: updates wait for its release</p>}
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

/** What recorded episodes come to. */
function Recorded() {
  const count = attempts.value.length;
  const versions = new Set(attempts.value.map(({ version }) => version)).size;
  return (
    <div class="tiles two">
      <Tile name="Success of all attempts">
        <Success />
      </Tile>
      <Tile name="Recorded">
        <strong>{count}</strong>
        <p class="muted">
          {count === 1 ? 'attempt' : 'attempts'} with {plural(versions, 'version')}
        </p>
      </Tile>
    </div>
  );
}

/** Where learning stands, in large figures. */
export function Progress() {
  if (hasEpisodesOnly.value) return <Recorded />;
  const learning = topics.learning.value;
  const last = learning?.points.at(-1);
  return (
    <div class="tiles">
      <Tile name="Success of this version">
        <Success />
      </Tile>
      <Tile name="Learned from">
        <strong>{last?.episodes ?? 0}</strong>
        <p class="muted">attempts in {plural(last?.update ?? 0, 'update')}</p>
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
