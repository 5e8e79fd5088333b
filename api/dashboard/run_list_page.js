// All runs, the newest first, as they go.
import {html, nothing} from "./vendored/lit-html/lit-html.js";
import {repeat} from "./vendored/lit-html/directives/repeat.js";
import {RUNS, ask} from "./api_requests.js";
import {draw, showTrouble} from "./page_screen.js";
import {MODE_SAID, badge, stateOf} from "./run_words.js";
import {breakable, dayAndTime, duration, number, taken} from "./text_formats.js";

const PACE_MS = 3000;
const PAGE = 50;
const MOST_AT_ONCE = 500;
const STATES = [
  ["", "any state"],
  ["moving", "under way"],
  ["completed", "completed"],
  ["completed_with_findings", "with findings"],
  ["ready", "proved, held"],
  ["failed", "failed"],
  ["cancelled", "cancelled"],
  ["rolled_back", "rolled back"],
];

export function runListPage() {
  let runs = null,
    limit = PAGE,
    older = [],
    next = null,
    filter = "",
    state = "",
    seenAt = null,
    timer = 0,
    isClosed = false;

  const fits = run => {
    const told = [run.run_id, run.target_schema, MODE_SAID[run.mode], ...run.sources].join(" ").toLowerCase();
    const isMoving = !run.finished_at && !["failed", "ready"].includes(run.status);
    return told.includes(filter.toLowerCase()) && (!state || (state === "moving" ? isMoving : run.status === state));
  };

  async function load() {
    clearTimeout(timer);
    try {
      const answer = await ask(`${RUNS}?limit=${limit}`);
      if (isClosed) return;
      runs = answer.runs;
      if (!older.length) next = answer.next ?? null;
      seenAt = Date.now();
      showTrouble(null);
    } catch (error) {
      if (isClosed) return;
      showTrouble(error, seenAt, load);
    }
    show();
    if (!isClosed) timer = setTimeout(() => (document.hidden ? (timer = setTimeout(load, PACE_MS)) : load()), PACE_MS);
  }

  // A server with a cursor gives the next page; one without takes a larger number.
  async function more() {
    if (next) {
      const answer = await ask(next).catch(error => {
        showTrouble(error, seenAt, load);
        return null;
      });
      if (!answer || isClosed) return;
      older = [...older, ...answer.runs];
      next = answer.next ?? null;
      show();
    } else {
      limit = Math.min(MOST_AT_ONCE, limit * 2);
      await load();
    }
  }

  function line(run) {
    const name = run.sources.join(", ") || run.run_id;
    return html`<tr>
      <td class="wide">
        <a class="strong" href=${`#/runs/${run.run_id}`}>${breakable(name)}</a>
        <div class="soft small-text">
          ${MODE_SAID[run.mode]} into ${breakable(run.target_schema)} ·
          <span class="id" title=${run.run_id}>…${run.run_id.slice(-8)}</span>
        </div>
        ${run.error ? html`<div class="bad-text small-text clamp" title=${run.error}>${run.error}</div>` : nothing}
      </td>
      <td>${badge(stateOf(run))}</td>
      <td class="num">${dayAndTime(run.created_at)}</td>
      <td class="num">${duration(taken(run))}</td>
    </tr>`;
  }

  function show() {
    if (runs === null) {
      draw(
        "content",
        html`<h1 tabindex="-1">Runs</h1>
          <p class="soft">Asking the server …</p>`,
      );
      return;
    }
    const seen = new Set(runs.map(run => run.run_id));
    const all = [...runs, ...older.filter(run => !seen.has(run.run_id))],
      shown = all.filter(fits);
    const hasMore = next || (!older.length && runs.length === limit && limit < MOST_AT_ONCE);
    draw(
      "content",
      html` <div class="head">
          <h1 tabindex="-1">Runs</h1>
          <a class="button primary" href="#/start">New run</a>
        </div>
        ${
          all.length === 0
            ? html`<div class="card empty">
                <h2>No run yet</h2>
                <p>Choose a database, let a dry-run say what would happen, then migrate it.</p>
                <a class="button" href="#/start">New run</a>
              </div>`
            : html` <div class="tools">
                  <label
                    >Find
                    <input
                      type="search"
                      .value=${filter}
                      placeholder="source, schema or id"
                      @input=${event => {
                        filter = event.target.value;
                        show();
                      }}
                  /></label>
                  <label
                    >State
                    <select
                      @change=${event => {
                        state = event.target.value;
                        show();
                      }}
                    >
                      ${STATES.map(([value, label]) => html`<option value=${value}>${label}</option>`)}
                    </select></label
                  >
                  <span class="soft count"
                    >${shown.length === all.length ? `${number(all.length)}${hasMore ? " newest" : ""}` : `${number(shown.length)} of ${number(all.length)}`}</span
                  >
                </div>
                <div class="card flush scroll" tabindex="0" role="region" aria-label="List of runs">
                  <table class="stacked">
                    <thead>
                      <tr>
                        <th>Source</th>
                        <th>State</th>
                        <th class="num">Started</th>
                        <th class="num">Took</th>
                      </tr>
                    </thead>
                    <tbody>
                      ${repeat(shown, run => run.run_id, line)}
                    </tbody>
                  </table>
                  ${shown.length ? nothing : html`<p class="soft pad">None of these runs fits.</p>`}
                </div>
                ${hasMore ? html`<p><button type="button" @click=${more}>Show older runs</button></p>` : nothing}`
        }`,
    );
  }

  show();
  load();
  return {
    title: "Runs",
    close() {
      isClosed = true;
      clearTimeout(timer);
    },
  };
}
