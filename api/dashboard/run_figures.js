// What the answers of the server mean, as figures that mislead nobody.

/** Rows of a run: `{total, loaded, quarantined}`. The map counts what its chunks have loaded and kept out. */
export function rowsOf(run) {
  const {status, map} = run;
  const quarantined = Math.max(map?.rows_quarantined ?? 0, status.rows.quarantined ?? status.quarantined ?? 0);
  const done = status.rows.done;
  // A server that does not tell rows in quarantine apart counts them as done.
  const loaded = status.rows.loaded ?? (status.rows.quarantined === undefined ? Math.max(0, done - quarantined) : done);
  return {
    total: status.rows.total,
    quarantined,
    loaded: Math.min(loaded, Math.max(0, status.rows.total - quarantined)),
  };
}

/** The same of one table; `keptOut` is how many rows of it the map knows to be in quarantine. */
export function rowsOfTable(table, keptOut) {
  const told = table.rows_quarantined ?? table.quarantined;
  const quarantined = Math.max(told ?? 0, keptOut);
  const loaded = told === undefined ? Math.max(0, table.rows_done - quarantined) : table.rows_done;
  return {total: table.rows_total, quarantined, loaded: Math.min(loaded, Math.max(0, table.rows_total - quarantined))};
}

/** Rows in quarantine by table, as the map has them: `source\u0000name` → rows. */
export function keptOutByTable(map) {
  return new Map((map?.quarantined_tables || []).map(kept => [`${kept.source}\u0000${kept.table}`, kept.rows]));
}

/** Seconds spent in each phase so far, from the log: phase → {seconds, at}. A resumed run adds up. */
export function phaseTimes(events, isOver) {
  const spent = new Map();
  let last = null;
  for (const event of events) {
    if (event.kind !== "phase" && event.kind !== "failed") continue;
    if (last) add(spent, last, new Date(event.at));
    last = {phase: event.kind === "phase" ? event.data.phase : "", at: new Date(event.at)};
  }
  if (last && !isOver) add(spent, last, new Date());
  return spent;
}

function add(spent, {phase, at}, end) {
  const before = spent.get(phase);
  spent.set(phase, {seconds: (before?.seconds || 0) + Math.max(0, (end - at) / 1000), at: before?.at || at});
}

/** Seconds until the copy is done, at each span of a throughput: as one would have said then, from the pace so far. */
export function secondsLeft(speed, totalRows) {
  let copied = 0;
  return speed.rows.map((rows, at) => {
    copied += rows;
    const passed = (at + 1) * speed.seconds_per_span;
    return copied ? (Math.max(0, totalRows - copied) * passed) / copied : null;
  });
}

/** Workers by name with what they do, and whether anybody is there at all; `isKnown` false: the server cannot tell. */
export function workersOf(run, runId) {
  const {cluster, status} = run;
  if (!cluster) {
    return {
      isKnown: false,
      alive: status.workers_alive ?? null,
      workers: status.workers.map(name => ({name, alive: true, doing: null})),
    };
  }
  const workers = cluster.workers.map(worker => ({...worker, doing: worker.doing || []}));
  workers.sort((a, b) => b.alive - a.alive || b.doing.length - a.doing.length || a.name.localeCompare(b.name));
  return {isKnown: true, alive: workers.filter(worker => worker.alive).length, workers, runId};
}

/** Sentences on what holds a run up: what the server says, and whom it misses. */
export function alertsOf(run) {
  const {status, cluster} = run;
  if (status.finished) return [];
  const said = [...status.waits];
  const workers = status.workers_alive ?? (cluster ? cluster.workers.filter(worker => worker.alive).length : null);
  const producers =
    status.producers_alive ?? (cluster ? cluster.producers.filter(producer => producer.alive).length : null);
  const isToldOf = word => said.some(sentence => new RegExp(word, "i").test(sentence));
  if (producers === 0 && !isToldOf("producer"))
    said.push(
      "No producer is there: nobody moves this run until one is started. celery -A producer.app worker -Q control",
    );
  if (workers === 0 && !isToldOf("no worker"))
    said.push("No worker is there: nothing is copied until one is started. celery -A worker.app worker -Q copy");
  return said;
}
