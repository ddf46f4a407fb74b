// Loaded into an API: what it keeps after garbage collection is asked for by SIGUSR2, as the benchmark does.
import '../../../testbed/heap.mjs';
