// Loaded into an API: what it keeps after garbage collection is asked for by SIGUSR2, as the benchmark does.
import '../../../dist/bench/heap.js';
