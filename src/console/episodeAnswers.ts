import { unready } from '../errors.ts';
import type { Outcome } from '../episodes/outcome.ts';
import { startThread } from '../processes/child.ts';
import { type KeptChild, keepRunning } from '../processes/restart.ts';
import type { EpisodeFunctions } from './episodeReader.ts';
import { exportByCli } from './exportByCli.ts';
import type { Page } from './page.ts';
import type { Requests } from './protocol.ts';
import type { OwnAnswers } from './hub.ts';

const OUTCOMES = { success: 'a success', failure: 'a failure', discarded: 'discarded' } as const;

/** What is done with episodes beside reading them. */
interface EpisodeUses {
  onLabel: (id: string, outcome: Outcome) => void;
  /** Offers a file to the page that asked; gives its address. */
  offer: (file: string) => string;
}

/** Answers of the console's process about the episodes in some folders. They are read in a thread of its own. */
export function episodeAnswers(
  folders: readonly string[],
  { onLabel, offer }: EpisodeUses,
): OwnAnswers {
  let thread: KeptChild<EpisodeFunctions> | undefined;
  const module = new URL('./episodeReader.js', import.meta.url);
  const name = 'the thread that reads episodes';
  /** Started when it is asked for the first time. */
  const reader = () =>
    (thread ??= keepRunning<EpisodeFunctions>({
      start: () => startThread<EpisodeFunctions>(module, { name, data: { folders } }),
      onEnd: () => undefined,
    }));
  let isExporting = false;

  return {
    episodes: async () => ({ value: await reader().ask('list') }),
    episode: async ({ id }: Requests['episode']['takes']) => ({
      value: await reader().ask('replay', id),
    }),
    episodePicture: async ({ id, camera, time }: Requests['episodePicture']['takes']) => ({
      value: await reader().ask('picture', id, camera, time),
    }),
    download: async ({ id }: Requests['download']['takes']) => ({
      value: { address: offer(await reader().ask('file', id)) },
    }),
    async label({ id, outcome, note }: Requests['label']['takes'], { name: by }: Page) {
      await reader().ask('label', id, { by, outcome, ...(note !== undefined && { note }) });
      onLabel(id, outcome);
      return { says: `${id} is ${OUTCOMES[outcome]} now` };
    },
    async exportEpisodes({ ids, out }: Requests['exportEpisodes']['takes']) {
      if (isExporting) throw unready('an export is under way; wait until it has ended');
      isExporting = true;
      try {
        return { says: await exportByCli(await reader().ask('paths', ids), out) };
      } finally {
        isExporting = false;
      }
    },
  };
}
