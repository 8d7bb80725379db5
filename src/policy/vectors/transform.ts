/**
 * A step between the robot's vectors and the policy's. Each function changes one vector [joints] in
 * place; `state` is the state as the step before left it.
 */
export interface Transform {
  /** A measured state, on its way to the policy. */
  encodeState(state: Float64Array): void;
  /** An action to learn from, on its way to the policy. */
  encodeAction(action: Float64Array, state: Float64Array): void;
  /** A sampled action, on its way to the robot. */
  decodeAction(action: Float64Array, state: Float64Array): void;
}
