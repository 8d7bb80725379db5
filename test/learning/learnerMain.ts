import { listEpisodes } from '../../src/episodes/listEpisodes.ts';
import { openTinyLearner } from './attempts.ts';

/** Learns from all episodes of a folder and says what happened: node learnerMain.js FOLDER BUNDLE EPISODES */
const [folder, bundle, episodes] = process.argv.slice(2);
const learner = await openTinyLearner(folder, bundle);
for (const { id, path } of await listEpisodes(episodes)) learner.add({ id, path });
console.log('open');
for (let events; (events = await learner.advance());) console.log(JSON.stringify(events));
await learner.close();
