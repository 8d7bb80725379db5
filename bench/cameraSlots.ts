/** Pictures kept of each camera: those that are still read must not be written over. */
export const SLOTS = 8;

/** What the thread of a robot's cameras is started with. */
export interface CameraStream {
  /** Shared memory of SLOTS pictures, for each camera. */
  memory: SharedArrayBuffer[];
  /** Of a picture, in pixels of three bytes. */
  width: number;
  height: number;
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

/** The thread of a robot's cameras. */
export interface CameraFunctions {
  /** The newest picture of each, as a JPEG. */
  previews: () => Promise<Uint8Array[]>;
}
