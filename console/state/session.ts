/** Who is signed in. */
import { signal } from '@preact/signals';
import { call } from './calls.ts';

export interface Session {
  role: 'admin' | 'reader';
  expires_at: string;
}

type Answer = Session | { role: null; expires_at: null };

const PATH = 'console/api/session';

export const createSession = () => {
  /** Undefined while that is not known; null if nobody is. */
  const session = signal<Session | null | undefined>(undefined);
  const problem = signal<string | undefined>(undefined);

  const check = async (): Promise<void> => {
    try {
      const { role, expires_at } = await call<Answer>(PATH);
      session.value = role === null ? null : { role, expires_at };
      problem.value = undefined;
    } catch (error) {
      problem.value = error instanceof Error ? error.message : String(error);
    }
  };
  return {
    session,
    /** Why it is not known who is signed in. */
    problem,
    check,
    /** @throws Failure */
    signIn: async (password: string): Promise<void> => {
      session.value = await call<Session>(PATH, { method: 'POST', body: { password } });
    },
    /** @throws Failure */
    signOut: async (): Promise<void> => {
      await call(PATH, { method: 'DELETE' });
      session.value = null;
    },
    /** The server has said that the session is over. */
    isOver: (): void => {
      session.value = null;
    },
  };
};
