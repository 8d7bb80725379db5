/** Pictures kept of each camera: those that are still read must not be written over. */
export const SLOTS = 8;

/** What the thread of a robot's cameras is started with. */
export interface CameraStream {
  /** Shared memory of SLOTS pictures, for each camera. */
  memory: SharedArrayBuffer[];
  /** Of one picture. */
  bytes: number;
  /** Hz. */
  rate: number;
}

/** A picture that has come. */
export interface Arrival {
  camera: number;
  slot: number;
  /** ns of process.hrtime, which all threads share. */
  stamp: bigint;
}
