/** Logging in to MySQL with a password that may have changed. */
import type { Pool } from 'mysql2/promise';
import type { Renewal } from '../process/renewal.ts';
import { isLoginRefused } from './errors.ts';

/**
 * Makes a pool log in with the present password. If the server refuses the login of a new connection, and there is
 * another password by now, it is tried once more. A pool of mysql2 copies the options of each connection from those that
 * it keeps to itself; test/db/passwords.test.ts fails if it no longer does.
 */
export const logInAnew = ({ pool }: Pool, renewal: Renewal): void => {
  const options = 'config' in pool ? Object(pool.config) : {};
  const getConnection = pool.getConnection.bind(pool);
  pool.getConnection = (callback) => {
    const login = renewal.now();
    Object.assign(options.connectionConfig, login);
    getConnection((error, connection) => {
      if (!error || !isLoginRefused(error)) return callback(error, connection);
      return void renewal.again(login).then((isNew) => {
        if (isNew) pool.getConnection(callback);
        else callback(error, connection);
      });
    });
  };
};

/**
 * Connects. If the server refuses the login, and there is another password by now, it is tried once more.
 * @param connect connects with the present password
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
