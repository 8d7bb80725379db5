import type { Phase } from '../../protocol.ts';
import type { Tone } from '../parts/Chip.tsx';
import type { IconName } from '../parts/Icon.tsx';

/** What each phase looks like. */
export const PHASE_LOOK: Readonly<Record<Phase, { icon: IconName; tone: Tone }>> = {
  absent: { icon: 'plug', tone: 'plain' },
  connecting: { icon: 'plug', tone: 'plain' },
  checking: { icon: 'search', tone: 'plain' },
  ready: { icon: 'check', tone: 'good' },
  homing: { icon: 'home', tone: 'accent' },
  running: { icon: 'play', tone: 'accent' },
  judgement: { icon: 'question', tone: 'warn' },
  reset: { icon: 'scene', tone: 'warn' },
  stopped: { icon: 'octagon', tone: 'bad' },
};
