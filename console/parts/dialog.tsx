/** Asks before something is done that cannot be taken back. */
import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';

interface Question {
  title: string;
  children: ComponentChildren;
  /** What the button says that does it. */
  action: string;
  /** A word that must be typed first. */
  word?: string;
  onYes: () => void;
  onNo: () => void;
}

/** Esc, or the button that has the focus at first, is no. */
export const Confirm = ({ title, children, action, word, onYes, onNo }: Question) => {
  const dialog = useRef<HTMLDialogElement>(null);
  const cancel = useRef<HTMLButtonElement>(null);
  const field = useRef<HTMLInputElement>(null);
  const [typed, setTyped] = useState('');
  useEffect(() => {
    const before = document.activeElement;
    dialog.current?.showModal();
    (field.current ?? cancel.current)?.focus();
    return () => {
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  const isReady = word === undefined || typed.trim() === word;
  return (
    <dialog ref={dialog} onClose={onNo} aria-labelledby="question">
      <form
        method="dialog"
        onSubmit={(event) => {
          event.preventDefault();
          if (isReady) onYes();
        }}
      >
        <h2 id="question">{title}</h2>
        {children}
        {word !== undefined && (
          <label class="field">
            Type <b>{word}</b> to go on
            <input
              autoComplete="off"
              ref={field}
              value={typed}
              onInput={(event) => setTyped(event.currentTarget.value)}
            />
          </label>
        )}
        <div class="buttons">
          <button type="button" onClick={onNo} ref={cancel}>
            Cancel
          </button>
          <button type="submit" class="danger" disabled={!isReady}>
            {action}
          </button>
        </div>
      </form>
    </dialog>
  );
};
