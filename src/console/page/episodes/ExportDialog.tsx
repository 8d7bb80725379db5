import { useState } from 'preact/hooks';
import { plural } from '../format.ts';
import { ask } from '../live/connection.ts';
import { Button } from '../parts/Button.tsx';
import { Dialog } from '../parts/Dialog.tsx';
import { report } from '../parts/notices.ts';
import { ticked } from './list.ts';

/** Asks where a data set of these episodes goes. */
export function ExportDialog({ ids, onClose }: { ids: string[]; onClose: () => void }) {
  const [out, setOut] = useState('');
  const [isBusy, setBusy] = useState(false);
  const submit = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    const done = await report(ask('exportEpisodes', { ids, out }));
    setBusy(false);
    if (!done) return;
    ticked.value = new Set();
    onClose();
  };
  return (
    <Dialog title={`Export ${plural(ids.length, 'episode')}`} onClose={onClose}>
      <form class="stack" onSubmit={(event) => void submit(event)}>
        <label class="field">
          <span>
            Folder for the LeRobot data set, on the robot’s machine; it must not be there yet
          </span>
          <input
            required
            value={out}
            placeholder="datasets/transfer-cube"
            onInput={({ currentTarget: { value } }) => setOut(value)}
          />
        </label>
        <Button
          type="submit"
          tone="primary"
          icon="export"
          reason={isBusy ? 'It is being written' : undefined}
        >
          {isBusy ? 'Writing…' : 'Export'}
        </Button>
      </form>
    </Dialog>
  );
}
