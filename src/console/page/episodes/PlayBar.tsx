import type { EpisodeReplay } from '../../protocol.ts';
import { tenthsClock } from '../format.ts';
import { Button } from '../parts/Button.tsx';
import { type Player, SPEEDS, indexAt } from './player.ts';

/** Plays, and goes to any time. It stays in sight while the replay is scrolled. */
export function PlayBar({ replay, player }: { replay: EpisodeReplay; player: Player }) {
  const { time, isPlaying, speed, length } = player;
  const starts = replay.chunks.map((chunk) => chunk.time);
  const toChunk = (by: number) => {
    const here = starts.length === 0 ? 0 : indexAt(starts, time.value + 1);
    player.seek(starts[Math.max(0, here + by)] ?? (by > 0 ? length : 0));
  };
  return (
    <div class="card play-bar" role="group" aria-label="Playing">
      <Button icon={isPlaying.value ? 'pause' : 'play'} tone="primary" onPress={player.toggle}>
        {isPlaying.value ? 'Pause' : 'Play'}
      </Button>
      <Button onPress={() => toChunk(-1)} label="Chunk before">
        ⇤
      </Button>
      <Button onPress={() => toChunk(1)} label="Next chunk">
        ⇥
      </Button>
      <input
        type="range"
        aria-label="Time"
        aria-valuetext={tenthsClock(time.value)}
        min={0}
        max={length}
        step={20}
        value={time.value}
        onInput={({ currentTarget: { value } }) => player.seek(Number(value))}
      />
      <span class="tabular">
        {tenthsClock(time.value)} <span class="muted">of {tenthsClock(length)}</span>
      </span>
      <select
        class="speed"
        aria-label="Speed"
        value={speed.value}
        onChange={({ currentTarget: { value } }) => (speed.value = Number(value))}
      >
        {SPEEDS.map((factor) => (
          <option key={factor} value={factor}>
            ×{factor}
          </option>
        ))}
      </select>
    </div>
  );
}
