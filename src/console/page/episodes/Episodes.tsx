import { EpisodeList } from './EpisodeList.tsx';
import { replayed } from './list.ts';
import { Replay } from './Replay.tsx';

/** What was recorded: a list, and the replay of one. */
export function Episodes() {
  const id = replayed.value;
  return (
    <div class={`episodes ${id === undefined ? '' : 'replaying'}`}>
      <EpisodeList />
      {id === undefined ? (
        <p class="card empty choose">Choose an episode to replay it.</p>
      ) : (
        <Replay key={id} id={id} />
      )}
    </div>
  );
}
