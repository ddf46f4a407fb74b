/** The process behind hub.pid: it keeps the hub running. `node dist/hub/supervisor.js` */
import { supervise } from '../process/supervisor.ts';

supervise('hub', new URL('worker.js', import.meta.url));
