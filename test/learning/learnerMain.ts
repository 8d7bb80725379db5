import { listEpisodes } from '../../src/episodes/listEpisodes.ts';
import { TINY_METHODS, openTinyLearner } from './attempts.ts';

/** Learns from all episodes of a folder and says what happened: node learnerMain.js FOLDER BUNDLE EPISODES METHOD */
const [folder, bundle, episodes, method] = process.argv.slice(2);
const algorithm = TINY_METHODS[method as keyof typeof TINY_METHODS];
const learner = await openTinyLearner(folder, bundle, {}, algorithm);
for (const { id, path } of await listEpisodes(episodes)) learner.add({ id, path });
console.log('open');
for (let events; (events = await learner.advance());) console.log(JSON.stringify(events));
await learner.close();
