/** Logging in to Redis with a password that may have changed. */
import type { Redis } from 'ioredis';
import type { Renewal } from '../process/renewal.ts';
import { isRefusal, reasonOf } from './redis.ts';

/** Whether Redis refuses to log us in: another password may help. */
const isLoginRefused = (error: unknown): boolean =>
  isRefusal(error) && /^(WRONGPASS|NOAUTH|ERR invalid password)/.test(reasonOf(error));

/**
 * Makes a connection log in with the present password each time that it is made, and tell Redis a new one while it is
 * there: ElastiCache ends a connection twelve hours after its last token
 * (https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/auth-iam.html).
 */
export const logInAnew = (redis: Redis, renewal: Renewal): void => {
  let login = renewal.now();
  // ioredis reads them for each connection, the password last.
  Object.defineProperties(redis.options, {
    username: {
      get: () => {
        login = renewal.now();
        return login.user;
      },
    },
    password: { get: () => login.password },
  });
  redis.on('error', (error) => {
    if (isLoginRefused(error)) void renewal.again(login);
  });
  const forget = renewal.onRenewed(({ user, password = '' }) => {
    if (redis.status !== 'ready') return;
    // If it is refused, the connection stays as it is.
    const told = user === undefined ? redis.auth(password) : redis.auth(user, password);
    told.catch(() => {});
  });
  redis.on('end', forget);
};
