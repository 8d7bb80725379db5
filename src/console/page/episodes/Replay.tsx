import { useEffect, useState } from 'preact/hooks';
import { messageOf } from '../../../errors.ts';
import { HIDDEN, type EpisodeReplay } from '../../protocol.ts';
import { ask } from '../live/connection.ts';
import { Button } from '../parts/Button.tsx';
import { Card } from '../parts/Card.tsx';
import { Icon } from '../parts/Icon.tsx';
import { JointBars } from '../parts/JointBars.tsx';
import { notify } from '../parts/notices.ts';
import { DownloadButton } from './DownloadButton.tsx';
import { LabelForm } from './LabelForm.tsx';
import { blind, replayed } from './list.ts';
import { indexAt, usePlayer, type Player } from './player.ts';
import { PlayBar } from './PlayBar.tsx';
import { ReplayCameras } from './ReplayCameras.tsx';
import { ReplaySpace } from './ReplaySpace.tsx';
import { Timeline } from './Timeline.tsx';

function ReplayJoints({ replay, player }: { replay: EpisodeReplay; player: Player }) {
  const { joints, times, measured, commandTimes, commands } = replay;
  const read = () => {
    const time = player.time.value;
    const row = (values: Float32Array, index: number) =>
      values.subarray(index * joints.length, (index + 1) * joints.length);
    if (times.length === 0) return undefined;
    const target = commandTimes.length > 0 && commandTimes[0] <= time ? row(commands, indexAt(commandTimes, time)) : undefined; // prettier-ignore
    return { measured: row(measured, indexAt(times, time)), target };
  };
  return (
    <Card title="Joints" class="replay-joints">
      <JointBars joints={joints} read={read} />
    </Card>
  );
}

async function copyPath(path: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(path);
    notify('Copied');
  } catch {
    notify('This browser lets no page copy: select the path and copy it by hand', 'warn');
  }
}

const Head = ({ replay }: { replay: EpisodeReplay }) => (
  <section class="card replay-head" aria-label="Episode">
    <div class="grow">
      <h2>
        {replay.task} <span class="muted">“{replay.prompt}”</span>
      </h2>
      <p class="muted">{blind.value.has(replay.id) ? HIDDEN : replay.policy}</p>
      {replay.missing.map((text) => (
        <p class="damage" key={text}>
          <Icon name="warning" size={16} /> {text}
        </p>
      ))}
      <div class="row path">
        <p class="muted grow">
          Foxglove opens the file as it is. On the robot's machine: <code>{replay.path}</code>
        </p>
        <DownloadButton id={replay.id} />
        <Button class="small" onPress={() => void copyPath(replay.path)}>
          Copy path
        </Button>
      </div>
    </div>
  </section>
);

function Loaded({ replay, onLabelled }: { replay: EpisodeReplay; onLabelled: () => void }) {
  const player = usePlayer(replay.times.at(-1) ?? 0);
  return (
    <>
      <Head replay={replay} />
      <ReplayCameras replay={replay} player={player} />
      <Timeline replay={replay} player={player} />
      <ReplaySpace replay={replay} player={player} />
      <ReplayJoints replay={replay} player={player} />
      <LabelForm replay={replay} onLabelled={onLabelled} />
      <PlayBar replay={replay} player={player} />
    </>
  );
}

/** Replays an episode: cameras, joints and arms in step. */
export function Replay({ id }: { id: string }) {
  const [replay, setReplay] = useState<EpisodeReplay>();
  const [problem, setProblem] = useState<string>();
  useEffect(() => {
    let isGone = false;
    ask('episode', { id }).then(
      ({ value }) => isGone || setReplay(value),
      (error: unknown) => isGone || setProblem(messageOf(error)),
    );
    return () => {
      isGone = true;
    };
  }, [id]);
  const refreshLabels = () =>
    void ask('episode', { id }).then(({ value }) => setReplay((old) => old && { ...old, labels: value.labels, outcome: value.outcome })).catch(() => undefined); // prettier-ignore
  return (
    <div class="replay">
      <button type="button" class="button back" onClick={() => (replayed.value = undefined)}>
        <Icon name="back" />
        <span>All episodes</span>
      </button>
      {problem !== undefined && (
        <section class="card row wrap" aria-label="Episode">
          <p class="grow muted">{problem}</p>
          <DownloadButton id={id} />
        </section>
      )}
      {!replay && problem === undefined && <p class="card empty">Reading…</p>}
      {replay && <Loaded replay={replay} onLabelled={refreshLabels} />}
    </div>
  );
}
