import { setTimeout } from 'node:timers/promises';
import { recordEpisode } from '../../src/episodes/recordEpisode.ts';
import { headerOf, play, success } from './recording.ts';

/** Records episode after episode into the folder given, until it is killed. */
const folder = process.argv[2];
for (let episode = 0; ; episode++) {
  const id = `episode-${String(episode).padStart(4, '0')}`;
  const recorder = await recordEpisode(folder, headerOf(id));
  await play(recorder, 3, () => setTimeout(0.5));
  await recorder.finish({ ...success, steps: 15 });
  console.log(id);
}
