import { listEpisodes } from '../../episodes/listEpisodes.ts';
import { readEpisode } from '../../episodes/readEpisode.ts';
import { UserError, messageOf } from '../../errors.ts';
import type { Bundle } from '../../policy/bundle/config.ts';
import type { SessionConfig } from '../../session/session.ts';
import { warn } from '../../warnings.ts';
import { openRolloutEncoder } from '../attempts/rollouts.ts';
import { taughtEpisode } from '../attempts/taught.ts';
import type { AttemptStore } from './attemptStore.ts';

/** No attempt of a robot has such an id. */
const idOf = (id: string) => `demonstrations/${id}`;

/**
 * Keeps the episodes of a folder among the attempts: demonstrations, or what another policy did, successes and failures.
 * Those that are kept already are not read again. Warns of each that nothing can be learned from; throws a `UserError`
 * where that is so of all.
 */
export async function keepDemonstrations(
  store: AttemptStore,
  folder: string,
  bundle: Bundle,
  session: SessionConfig,
): Promise<void> {
  const known = new Set(store.attempts().map(({ id }) => id));
  const listed = await listEpisodes(folder);
  const unknown = listed.filter(({ id }) => !known.has(idOf(id)));
  if (listed.length > 0 && unknown.length === 0) return;
  const encoder = await openRolloutEncoder(bundle, session);
  let kept = listed.length - unknown.length;
  try {
    for (const { id, path } of unknown)
      try {
        const taught = taughtEpisode(await readEpisode(path), bundle);
        await store.keep([{ ...(await encoder.encode(taught)), id: idOf(id), taught: true }]);
        kept += 1;
      } catch (error) {
        warn(messageOf(error));
      }
  } finally {
    await encoder.close();
  }
  if (kept === 0)
    throw new UserError(
      `${folder}: has no episode to learn from; give a folder of episodes of this policy's robot, as nalu demos and nalu import-data make it, or leave demonstrations out of the settings`,
      { kind: 'missing', subject: folder, fields: ['demonstrations'] },
    );
}
