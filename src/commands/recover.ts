import { recoverEpisode } from '../episodes/recoverEpisode.ts';

/** Makes unfinished episodes readable, as discarded ones; prints where each went. */
export async function recoverCommand(files: readonly string[]): Promise<'done'> {
  for (const file of files) console.log(`${file} → ${await recoverEpisode(file)}`);
  return 'done';
}
