/** lerobot's buffers, in which it kept statistics beside the weights until version 0.3. */
export const BUFFER =
  /^(?:un)?normalize_(?:inputs|targets|outputs)\.buffer_(observation_state|action)\.(\w+)$/;

/** Whether a tensor holds statistics of lerobot's buffers. */
export const isBuffer = (name: string): boolean =>
  /^(?:un)?normalize_(?:inputs|targets|outputs)\./.test(name);
