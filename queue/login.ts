/** Logging in to RabbitMQ with a password that may have changed. */
import type { Renewal } from '../process/renewal.ts';
import { ACCESS_REFUSED, codeOf, reasonOf } from './errors.ts';

/** The present login, as amqplib takes it. */
export const loginOf = (renewal: Renewal) => {
  const { user = '', password = '' } = renewal.now();
  return { username: user, password };
};

/** Whether the broker refuses to log us in: another password may help. */
export const isLoginRefused = (error: unknown): boolean =>
  codeOf(error) === ACCESS_REFUSED && /login|authenticat/i.test(reasonOf(error));

/**
 * Connects. If the broker refuses the login, and there is another password by now, it is tried once more.
 * @throws what `connect` does
 */
export const loggedIn = async <T>(renewal: Renewal | undefined, connect: () => Promise<T>): Promise<T> => {
  const login = renewal?.now();
  try {
    return await connect();
  } catch (error) {
    if (!login || !isLoginRefused(error) || !(await renewal?.again(login))) throw error;
    return connect();
  }
};
