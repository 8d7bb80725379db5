import { computed } from '@preact/signals';
import type { Crew } from '../../protocol.ts';
import type { IconName } from '../parts/Icon.tsx';
import type { Tone } from '../parts/Chip.tsx';
import { ask } from '../live/connection.ts';
import { hasSeat } from '../live/seat.ts';
import { topics } from '../live/topics.ts';
import { report } from '../parts/notices.ts';

/** Whether the robot holds where this page falls silent. */
export const heartbeat = computed(
  () => hasSeat.value && topics.crew.value?.operator?.heartbeat === true,
);

export const switchHeartbeat = (on: boolean): Promise<boolean> => report(ask('heartbeat', { on }));

/** How it stands with the heartbeat of the operator's page: in a word, and in a sentence. */
const WORDS = {
  silent: {
    tone: 'warn',
    icon: 'warning',
    word: 'silent',
    sentence: 'That page does not answer now.',
  },
  fresh: {
    tone: 'good',
    icon: 'check',
    word: 'heartbeat fresh',
    sentence: 'The heartbeat is fresh: the arms brake to rest where that page falls silent.',
  },
  off: {
    tone: 'plain',
    icon: 'plug',
    word: 'heartbeat off',
    sentence: 'The heartbeat is off: the arms go on where that page falls silent.',
  },
} as const satisfies Record<string, { tone: Tone; icon: IconName; word: string; sentence: string }>;

export function heartbeatWords({ heartbeat, silent }: NonNullable<Crew['operator']>) {
  if (silent) return WORDS.silent;
  return heartbeat ? WORDS.fresh : WORDS.off;
}
