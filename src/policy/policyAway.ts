import { UserError } from '../errors.ts';

/** No chunk, because its policy is out of reach for now; it may be asked again with a newer observation. */
export class PolicyAway extends UserError {}
