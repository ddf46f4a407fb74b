/** An installation of the Flask service. */
import { randomUUID } from 'node:crypto';

/** The tables as SQLAlchemy's `create_all()` makes them, in the database's own character set. */
export const flaskTables = [
  `CREATE TABLE orders (
    id VARCHAR(36) NOT NULL, customer_name VARCHAR(80) NOT NULL, status VARCHAR(20) NOT NULL, PRIMARY KEY (id))`,
  `CREATE TABLE order_items (
    id INTEGER NOT NULL AUTO_INCREMENT, item_name VARCHAR(80) NOT NULL, quantity INTEGER NOT NULL,
    order_id VARCHAR(36) NOT NULL, PRIMARY KEY (id), FOREIGN KEY(order_id) REFERENCES orders (id))`,
];

/** The body of a job as the Flask service publishes it: without a version or a time. */
export const flaskJob = (type: string, payload: object) => ({ job_id: randomUUID(), type, payload });
