/** ALOHA's facts that more than one room needs; its robots are the files in calibration/. */

/** Positions of a follower's finger joint at the ends, m, as gym-aloha and ALOHA's driver have them. */
export const ALOHA_FINGER = { closed: 0.01844, open: 0.058 };

/** A finger's joint position, m, of an opening (0 closed, 1 open). */
export const fingerFromOpening = (opening: number): number =>
  ALOHA_FINGER.closed + opening * (ALOHA_FINGER.open - ALOHA_FINGER.closed);

/** The opening (0 closed, 1 open) of a finger's joint position, m. */
export const openingFromFinger = (finger: number): number =>
  (finger - ALOHA_FINGER.closed) / (ALOHA_FINGER.open - ALOHA_FINGER.closed);

/** The cameras that ALOHA's policies see, in the order in which they were trained. */
export const ALOHA_CAMERAS = ['cam_high', 'cam_left_wrist', 'cam_right_wrist'] as const;
