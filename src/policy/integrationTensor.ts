import { Tensor } from '../session/session.ts';
import { type Integration, TABLE_ROWS, integrationTable } from './integration.ts';

/** The table of an integration as graphs take it, [5, calls]. */
export const integrationTensor = (integration: Integration): Tensor =>
  new Tensor('float32', integrationTable(integration), [TABLE_ROWS.length, integration.steps]);
