import { useState } from 'preact/hooks';
import type { LearnedVersion } from '../../protocol.ts';
import { shortVersion, timeOfDay } from '../format.ts';
import { ask } from '../live/connection.ts';
import { pinned, playing } from '../live/playing.ts';
import { topics } from '../live/topics.ts';
import { isOffered, reasonAgainstOperating } from '../operate/actions.ts';
import { Button } from '../parts/Button.tsx';
import { Card } from '../parts/Card.tsx';
import { Chip, type Tone } from '../parts/Chip.tsx';
import { Dialog } from '../parts/Dialog.tsx';
import type { IconName } from '../parts/Icon.tsx';
import { RateBar } from '../parts/RateBar.tsx';
import { attempts } from './attempts.ts';
import { ancestorsOf } from './lineage.ts';
import { report } from '../parts/notices.ts';
import { successInterval } from '../../../tensors/successRates.ts';

const STATES: Record<LearnedVersion['state'], { tone: Tone; icon: IconName }> = {
  published: { tone: 'good', icon: 'check' },
  'kept back': { tone: 'warn', icon: 'shield' },
  'rolled back': { tone: 'bad', icon: 'undo' },
};

/** The learner's versions; where nothing learns, those that attempts were made with. */
function versionsThere(): LearnedVersion[] {
  const learning = topics.learning.value;
  if (learning) return learning.versions;
  const counts = new Map<string, LearnedVersion>();
  for (const { version, at, outcome, blind } of attempts.value) {
    if (blind || outcome === 'discarded') continue;
    const state = 'published' as const;
    const known = counts.get(version) ?? { version, at, parent: null, state, attempts: 0, successes: 0 }; // prettier-ignore
    known.attempts += 1;
    if (outcome === 'success') known.successes += 1;
    counts.set(version, known);
  }
  return [...counts.values()];
}

function RollBack({ version, onClose }: { version: string; onClose: () => void }) {
  const roll = async () => {
    if (await report(ask('rollBack', { version }))) onClose();
  };
  return (
    <Dialog title="Roll back" onClose={onClose}>
      <p>
        The robot goes on with <code>{version}</code>, and learning with it. Later versions are no
        longer played.
      </p>
      <div class="row">
        <Button tone="bad" icon="undo" onPress={() => void roll()}>
          Roll back to it
        </Button>
        <Button onPress={onClose}>Cancel</Button>
      </div>
    </Dialog>
  );
}

interface RowProps {
  line: LearnedVersion;
  /** Whether the version that plays descends from it. */
  isAncestor: boolean;
  onRollBack: () => void;
}

function VersionRow({ line, isAncestor, onRollBack }: RowProps) {
  const { version, at, state, reason, ...counts } = line;
  const plays = playing.value === version;
  const isPinned = pinned.value === version;
  const against = reasonAgainstOperating();
  return (
    <li class={plays ? 'playing' : undefined}>
      <div class="version-head">
        <code title={version}>{shortVersion(version)}</code>
        {topics.learning.value && <Chip {...STATES[state]}>{state}</Chip>}
        {plays && (
          <Chip tone="accent" icon="play">
            plays
          </Chip>
        )}
        {isPinned && (
          <Chip tone="accent" icon="pin">
            pinned
          </Chip>
        )}
        {at > 0 && <time class="muted">{timeOfDay(at)}</time>}
      </div>
      {reason !== undefined && <p class="muted reason">{reason}</p>}
      <RateBar
        attempts={counts.attempts}
        successes={counts.successes}
        interval={successInterval(counts)}
      />
      <div class="version-actions">
        {isOffered('pin') && state !== 'kept back' && (
          <Button
            class="small"
            icon="pin"
            reason={against}
            label={`${isPinned ? 'Release' : 'Pin'} ${shortVersion(version)}`}
            onPress={() => void report(ask('pin', { version: isPinned ? null : version }))}
          >
            {isPinned ? 'Release' : 'Pin'}
          </Button>
        )}
        {isOffered('rollBack') && isAncestor && (
          <Button
            class="small"
            icon="undo"
            reason={against ?? (pinned.value && 'A version is pinned: release it first')}
            label={`Roll back to ${shortVersion(version)}`}
            onPress={onRollBack}
          >
            Roll back…
          </Button>
        )}
      </div>
    </li>
  );
}

/** Versions of the policy, newest first, with what they came to. */
export function Versions() {
  const [rolling, roll] = useState<string>();
  const all = versionsThere();
  const ancestors = ancestorsOf(all, playing.value);
  const versions = all.slice(-100).reverse();
  return (
    <Card title="Versions" class="versions-card">
      {versions.length === 0 && <p class="empty">No version has made an attempt yet.</p>}
      <ol class="versions" tabIndex={0} aria-label="Versions, newest first">
        {versions.map((line) => (
          <VersionRow
            key={line.version}
            line={line}
            isAncestor={ancestors.has(line.version)}
            onRollBack={() => roll(line.version)}
          />
        ))}
      </ol>
      {rolling !== undefined && <RollBack version={rolling} onClose={() => roll(undefined)} />}
    </Card>
  );
}
