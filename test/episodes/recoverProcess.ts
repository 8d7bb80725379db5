import { recoverEpisode } from '../../src/episodes/recoverEpisode.ts';

/** Recovers the file given, until it is done or killed. */
await recoverEpisode(process.argv[2]);
