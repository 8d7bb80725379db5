import { ACTIONS, ACTION_NAMES } from './operate/actions.ts';
import { Dialog } from './parts/Dialog.tsx';
import { keyName } from './parts/Key.tsx';

/** Which key does what. */
export const KeysDialog = ({ onClose }: { onClose: () => void }) => (
  <Dialog title="Keys" onClose={onClose}>
    <dl class="figures">
      <div>
        <dt>Stop, on every tab</dt>
        <dd>
          <kbd>Space</kbd> or <kbd>Esc</kbd>
        </dd>
      </div>
      {ACTION_NAMES.map((name) => (
        <div key={name}>
          <dt>{ACTIONS[name].label}</dt>
          <dd>
            <kbd>{keyName(ACTIONS[name].key)}</kbd>
          </dd>
        </div>
      ))}
      <div>
        <dt>Turn the view in space, once it is chosen</dt>
        <dd>
          <kbd>←</kbd> <kbd>→</kbd> <kbd>↑</kbd> <kbd>↓</kbd> <kbd>+</kbd> <kbd>−</kbd>
        </dd>
      </div>
    </dl>
    <p class="muted">A button that has the focus is pressed by Enter: Space always stops.</p>
  </Dialog>
);
