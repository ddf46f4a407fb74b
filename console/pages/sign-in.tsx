/** The way in. The page that was asked for is shown after it. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { Icon } from '../parts/icons.tsx';
import { useConsole } from '../state/console.ts';

export const SignInPage = () => {
  const { session } = useConsole();
  const [problem, setProblem] = useState<string>();
  const [busy, setBusy] = useState(false);
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => field.current?.focus(), []);
  const send = async (event: Event): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    setProblem(undefined);
    try {
      await session.signIn(field.current?.value ?? '');
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
      setBusy(false);
      field.current?.select();
    }
  };
  return (
    <main class="gate" id="content">
      <form onSubmit={(event) => void send(event)}>
        <h1>Orders console</h1>
        <input
          class="visually-hidden"
          type="text"
          name="username"
          value="console"
          autoComplete="username"
          tabIndex={-1}
          aria-hidden="true"
          readOnly
        />
        <label class="field">
          Password
          <input
            ref={field}
            type="password"
            required
            autoComplete="current-password"
            aria-invalid={problem !== undefined}
            aria-describedby={problem ? 'wrong' : undefined}
          />
        </label>
        {problem && (
          <p class="banner bad" role="alert" id="wrong">
            <Icon name="warn" />
            {problem}
          </p>
        )}
        <button type="submit" class="primary" disabled={busy}>
          Sign in
        </button>
        <p class="faint">
          The <code>ADMIN_PASSWORD</code>, or the <code>CONSOLE_READ_PASSWORD</code> to look only.
        </p>
      </form>
    </main>
  );
};
