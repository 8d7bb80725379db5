/** ALOHA's facts that more than one room needs; its robots are the files in calibration/. */

/** Positions of a follower's finger joint at the ends, m, as gym-aloha and ALOHA's driver have them. */
export const ALOHA_FINGER = { closed: 0.01844, open: 0.058 };

/** A finger's joint position, m, of an opening (0 closed, 1 open). */
export const fingerFromOpening = (opening: number, { closed, open } = ALOHA_FINGER): number =>
  closed + opening * (open - closed);

/** The opening (0 closed, 1 open) of a finger's joint position, m. */
export const openingFromFinger = (finger: number, { closed, open } = ALOHA_FINGER): number =>
  (finger - closed) / (open - closed);

/** The cameras that ALOHA's policies see, in the order in which they were trained. */
export const ALOHA_CAMERAS = ['cam_high', 'cam_left_wrist', 'cam_right_wrist'] as const;
