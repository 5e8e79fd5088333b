// The smaller parts of a run's page: its phases, its figures, its workers, its log.
import {nothing} from "./vendored/lit-html/lit-html.js";
import {repeat} from "./vendored/lit-html/directives/repeat.js";
import {serverNow} from "./api_requests.js";
import {during, sentencesOf} from "./event_words.js";
import {isMeasured, phaseTimes, quietSeconds, rowsOf, spanOf, stoppedIn, tableNamer, workersOf} from "./run_figures.js";
import {bar} from "./table_list.js";
import {copies, phaseSaid, phaseTells, phasesOf, rowsSaid} from "./run_words.js";
import {breakable, html} from "./shown_text.js";
import {clock, count, dayAndTime, duration, number, size, timeOfDay, words} from "./text_formats.js";

const GOOD_ENDS = ["completed", "completed_with_findings", "rolled_back"];
const EVENTS_SHOWN = 100;

/** The way of a run from left to right, with the time that each phase took. */
export function phaseTimeline(run) {
  const {status} = run,
    phases = phasesOf(status.mode);
  const times = phaseTimes(run.events, status.finished);
  const isReady = status.status === "ready",
    isFailed = status.status === "failed";
  const left = stoppedIn(run) ?? status.status;
  const here = isReady || left === "ready" ? "cutting_over" : left;
  const at = phases.indexOf(here);
  return html`<ol class="phases" aria-label="Phases">
    ${phases.map((phase, place) => {
      const look =
        GOOD_ENDS.includes(status.status) || place < at
          ? "past"
          : place > at
            ? "ahead"
            : isFailed || status.status === "cancelled"
              ? "stopped"
              : isReady
                ? "held"
                : "now";
      const spent = times.get(phase);
      const sign = {past: "✓", now: "▸", stopped: "×", held: "‖"}[look] || "";
      const told = {past: "done", now: "now", stopped: "stopped here", held: "waits for cut over", ahead: "to come"}[
        look
      ];
      return html`<li class=${look} aria-current=${look === "now" ? "step" : nothing}>
        <span class="sign" aria-hidden="true">${sign}</span> <span class="phase-name">${phaseSaid(phase, status.mode)}</span
        ><span class="unseen">, ${told}</span>
        <span class="phase-time"
          >${spent && look !== "ahead" ? duration(spent.seconds) : look === "now" ? phaseTells(phase, status.mode) : ""}</span
        >
      </li>`;
    })}
  </ol>`;
}

/** Whole-run percent and the present phase's time left, each called what it is. */
export function progressLine(run) {
  const {status} = run,
    eta = status.phase_eta_seconds;
  const state = GOOD_ENDS.includes(status.status)
    ? "done"
    : ["failed", "cancelled"].includes(status.status)
      ? "failed"
      : "running";
  const stopped = {cancelled: "cancelled at ", failed: "stopped at "}[status.status] || "";
  const where = stopped ? during(stoppedIn(run), status.mode) : "";
  const here = phaseSaid(status.phase, status.mode);
  const parts = [`${where ? `${words(status.status)}${where}, at ` : stopped}${status.percent} % of the whole run`];
  if (run.trouble) parts.push(`as of ${clock(run.seenAt)}`);
  const quiet = quietSeconds(status, run.trouble ? run.seenAt : serverNow());
  if (!status.finished && status.phase_percent !== null)
    parts.push(`${status.phase_percent} % of ${here}`);
  if (quiet !== null) {
    parts.push(`no progress for ${duration(quiet)}`);
  } else if (!status.finished && !status.paused_at && status.status !== "ready") {
    parts.push(
      eta === null
        ? `time left for ${here}: not known yet`
        : `about ${duration(eta)} left for ${here}`,
    );
  }
  return html`${bar(status.percent, state, "Whole run")}
    <p class="progress-said">${parts.join(" · ")}</p>`;
}

const hasCopied = ({status}) => status.rows.done + status.rows.quarantined > 0;

/** What a run has come to that copies, or tries to. */
function figuresOfCopy(run, notYet) {
  const {status} = run,
    rows = rowsOf(run),
    isDry = status.mode === "dry-run",
    isWhole = isMeasured(run);
  return [
    ["Rows", isWhole || rows.total > 0 ? rowsSaid(rows, status) : notYet("counted"), "wide-fact"],
    hasCopied(run) && [
      isDry ? "Speed of the trial copy" : "Speed of the copy",
      `${number(Math.round(status.rows.per_second))} rows/s ${isDry ? "would be loaded" : "loaded"} · ${size(status.bytes.per_second)}/s read`,
    ],
    ["Values read", isWhole ? `${size(status.bytes.done)} of ${size(status.bytes.total)}` : notYet("measured")],
    [
      "Chunks",
      isWhole || status.chunks_total > 0
        ? `${number(status.chunks_done)} of ${number(status.chunks_total)} ${isDry ? "tried" : "copied"}`
        : notYet("cut"),
    ],
  ];
}

/** What a comparison has come to. Its tables are known as they are compared. */
function figuresOfComparison(run, notYet) {
  const tables = [...run.tables.values()].filter(table => table.equal !== null);
  if (!tables.length) return [["Tables", notYet("compared"), "wide-fact"]];
  const sum = name => tables.reduce((total, table) => total + (table[name] ?? 0), 0);
  const differing = tables.filter(table => !table.equal).length;
  return [
    ["Rows compared", `${number(sum("rows_total"))} in the source, ${number(sum("rows_target"))} in the target`, "wide-fact"],
    [
      "Tables compared",
      differing ? `${number(differing)} of ${number(tables.length)} differ` : `${number(tables.length)}, all equal`,
    ],
  ];
}

/** When it ended, or since when it is held, and what its end was. */
function endSaid({status}, ended) {
  if (status.status === "ready") return ["Held since", dayAndTime(ended)];
  return ended && ["Ended", dayAndTime(ended)];
}

export function figures(run) {
  const {status} = run,
    span = spanOf(run),
    stopped = stoppedIn(run);
  const notYet = what =>
    stopped
      ? `not ${what}: ${words(status.status)}${during(stopped, status.mode)}`
      : `${status.finished ? "none" : "not"} ${what}${status.finished ? "" : " yet"}`;
  const all = [
    ...(copies(status.mode) ? figuresOfCopy : figuresOfComparison)(run, notYet),
    ["Findings", number(status.findings)],
    span.seconds !== null && ["Time taken", duration(span.seconds)],
    span.begun && ["Started", dayAndTime(span.begun)],
    status.finished
      ? endSaid(run, span.ended)
      : status.last_progress_at
        ? ["Last progress", timeOfDay(status.last_progress_at)]
        : run.events.length && ["Last event", timeOfDay(run.events.at(-1)?.at)],
    status.status === "rolled_back" && ["Rolled back", dayAndTime(status.finished_at)],
    !status.finished &&
      status.queue && [
        "Messages that wait",
        `${number(status.queue.copy)} to work · ${number(status.queue.control)} to steer`,
      ],
  ].filter(Boolean);
  return html`<dl class="facts">
    ${all.map(
      ([name, value, look]) =>
        html`<div class=${look || nothing}>
          <dt>${name}</dt>
          <dd>${value}</dd>
        </div>`,
    )}
  </dl>`;
}

/** A group of small chunks that a worker has taken together is one line. */
function doingSaid(doing, {status, tables}, runId) {
  const nameOf = tableNamer(tables.values());
  const groups = new Map();
  for (const work of doing) {
    const key = JSON.stringify([work.run_id, work.phase, work.source, work.table]);
    groups.set(key, [...(groups.get(key) || []), work]);
  }
  return [...groups.values()].map(works => {
    const {run_id: id, phase, source, table, chunk} = works[0],
      isHere = id === runId;
    const name = isHere ? nameOf(table, source) : table;
    const which = works.length > 1 ? `, ${count(works.length, "chunk")}` : chunk === null ? "" : `, chunk ${chunk}`;
    return html`<div>
      ${phaseSaid(phase, isHere ? status.mode : null)} ${name ? breakable(name) : ""}${which}
      ${isHere ? nothing : html`<span class="soft">of <a href=${`#/runs/${id}`}>another run</a></span>`}
    </div>`;
  });
}

/** Who is there, and what each does now; and plainly, if nobody is. */
export function workerList(run, runId) {
  if (run.status.finished) return nothing;
  const workers = workersOf(run),
    alive = run.status.workers_alive;
  return html`<section class="card" aria-labelledby="workers-head">
    <div class="card-head">
      <h2 id="workers-head">Workers</h2>
      <span class="soft">${number(alive)} alive</span>
    </div>
    ${
      alive
        ? nothing
        : html`<p class="warn-text">
            <strong>${workers?.some(worker => worker.alive) ? "No worker takes steps." : "No worker is there."}</strong>
            Nothing is done until one is started.
            ${run.cluster?.note ?? ""}
          </p>`
    }
    ${run.troubleSaid("cluster")}
    ${workers || run.troubles.has("cluster") ? nothing : html`<p class="soft">Asking the server …</p>`}
    <ul class="workers">
      ${repeat(
        workers || [],
        worker => worker.name,
        worker => workerLine(worker, run, runId),
      )}
    </ul>
  </section>`;
}

function workerLine(worker, run, runId) {
  const does = !worker.alive
    ? html`<span class="warn-text">not heard of since ${timeOfDay(worker.seen_at)}</span>`
    : worker.doing.length
      ? doingSaid(worker.doing, run, runId)
      : html`<span class="soft">idle</span>`;
  return html`<li class=${worker.alive ? nothing : "gone"}>
    <strong>${breakable(worker.name)}</strong>
    <span class="soft">${count(worker.processes, "process", "processes")} on ${breakable(worker.host)}</span>
    <div class="small-text">${does}</div>
  </li>`;
}

/** The log, newest first; `shown` is how many entries. */
export function eventLog(run, shown, onMore) {
  const newest = sentencesOf(run.events, run.status.mode, tableNamer(run.tables.values()))
    .slice(-(shown || EVENTS_SHOWN))
    .reverse();
  return html`<section class="card" aria-labelledby="events-head">
    <div class="card-head">
      <h2 id="events-head">Events</h2>
      ${run.hasLog ? html`<span class="soft">${count(run.events.length, "entry", "entries")}, newest first</span>` : nothing}
    </div>
    ${run.troubleSaid("events")}
    ${
      newest.length
        ? html`<ol class="events" tabindex="0" aria-label="Events, newest first">
            ${repeat(
              newest,
              ({event}) => event.id,
              ({event, said}) => html`<li>${timeOfDay(event.at)} ${said}</li>`,
            )}
          </ol>`
        : run.hasLog
          ? html`<p class="soft">Nothing has happened yet.</p>`
          : run.troubles.has("events")
            ? nothing
            : html`<p class="soft">Asking the server …</p>`
    }
    ${run.events.length > newest.length ? html`<button type="button" class="small" @click=${onMore}>Show earlier entries</button>` : nothing}
  </section>`;
}
