/**
 * A callback for rclnodejs that never throws: an exception in one aborts the whole process. What goes
 * wrong, at once or later, is handed to `onFault`.
 */
export function edge<A extends unknown[]>(
  callback: (...args: A) => void | Promise<void>,
  onFault: (error: unknown) => void,
): (...args: A) => void {
  return (...args) => {
    try {
      Promise.resolve(callback(...args)).catch(onFault);
    } catch (error) {
      onFault(error);
    }
  };
}
