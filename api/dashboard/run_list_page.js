// All runs, the newest first, as they go; the server finds and pages.
import {nothing} from "./vendored/lit-html/lit-html.js";
import {repeat} from "./vendored/lit-html/directives/repeat.js";
import {RUNS, ask} from "./api_requests.js";
import {announce, draw, showTrouble} from "./page_screen.js";
import {MODE_SAID, PHASES, badge, copies, placeOf, stateOf} from "./run_words.js";
import {breakable, html} from "./shown_text.js";
import {dayAndTime, duration, number, taken} from "./text_formats.js";

const PACE_MS = 3000;
const PAGE = 50;
const TYPING_MS = 300; // a filter is asked for once somebody has stopped typing
const STATES = [
  ["", "any state", []],
  ["moving", "under way", PHASES],
  ["completed", "completed", ["completed"]],
  ["findings", "with findings", ["completed_with_findings"]],
  ["ready", "proved, held", ["ready"]],
  ["failed", "failed", ["failed"]],
  ["cancelled", "cancelled", ["cancelled"]],
  ["rolled_back", "rolled back", ["rolled_back"]],
];

export function runListPage() {
  let runs = null,
    older = [],
    next = null,
    source = "",
    state = "",
    mode = "",
    silence = "", // why older runs are not told
    missing = "", // which targets' ledgers do not answer
    seenAt = null,
    timer = 0,
    asked = 0,
    isClosed = false;

  function path() {
    const phases = STATES.find(([value]) => value === state)[2];
    const query = new URLSearchParams({limit: PAGE});
    if (source) query.set("source", source);
    if (mode) query.set("mode", mode);
    for (const phase of phases) query.append("status", phase);
    return `${RUNS}?${query}`;
  }

  async function load() {
    clearTimeout(timer);
    const mine = ++asked;
    let pace = PACE_MS;
    try {
      const answer = await ask(path());
      if (isClosed || mine !== asked) return;
      runs = answer.runs;
      missing = answer.note || "";
      if (!older.length) next = answer.next;
      seenAt = Date.now();
      showTrouble(null);
    } catch (error) {
      if (isClosed || mine !== asked) return;
      showTrouble(error, seenAt, load);
      pace = Math.max(PACE_MS, error.retryMs || 0);
    }
    show();
    wait(pace);
  }

  function wait(pace) {
    clearTimeout(timer);
    timer = setTimeout(() => (document.hidden ? wait(PACE_MS) : load()), pace);
  }

  function filter(change) {
    change();
    older = [];
    silence = "";
    show();
    wait(TYPING_MS);
  }

  async function more() {
    try {
      const answer = await ask(next);
      if (isClosed) return;
      silence = "";
      older = [...older, ...answer.runs];
      next = answer.next;
      show();
    } catch (error) {
      if (isClosed) return;
      silence = `${error.message} The older runs are not shown.`;
      announce(silence);
      show();
    }
  }

  function line(run) {
    return html`<tr>
      <td class="wide">
        <a class="strong" href=${`#/runs/${run.run_id}`}>${breakable(run.sources.join(", ") || run.run_id)}</a>
        <div class="soft small-text">
          ${MODE_SAID[run.mode]} ${copies(run.mode) ? "into" : "with"} ${breakable(placeOf(run))} ·
          <span class="id" title=${run.run_id}>…${run.run_id.slice(-8)}</span>
        </div>
        ${run.error ? html`<div class="bad-text small-text clamp" title=${run.error}>${run.error}</div>` : nothing}
      </td>
      <td>${badge(stateOf(run), run.mode)}</td>
      <td class="num">${dayAndTime(run.created_at)}</td>
      <td class="num">${duration(taken(run))}</td>
    </tr>`;
  }

  function tools(shown) {
    return html`<div class="tools">
      <label
        >Source
        <input
          type="search"
          .value=${source}
          placeholder="part of its name or path"
          @input=${event => filter(() => (source = event.target.value))}
      /></label>
      <label
        >State
        <select @change=${event => filter(() => (state = event.target.value))}>
          ${STATES.map(([value, label]) => html`<option value=${value} ?selected=${value === state}>${label}</option>`)}
        </select></label
      >
      <label
        >Kind
        <select @change=${event => filter(() => (mode = event.target.value))}>
          <option value="">any kind</option>
          ${Object.entries(MODE_SAID).map(([value, label]) => html`<option value=${value}>${label}</option>`)}
        </select></label
      >
      <span class="soft count">${number(shown.length)}${next ? " newest" : ""}</span>
    </div>`;
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
    const shown = [...runs, ...older.filter(run => !seen.has(run.run_id))];
    const isNew = !shown.length && !source && !state && !mode && !missing;
    draw(
      "content",
      html`<div class="head">
          <h1 tabindex="-1">Runs</h1>
          <a class="button primary" href="#/start">New run</a>
        </div>
        ${
          isNew
            ? html`<div class="card empty">
                <h2>No run yet</h2>
                <p>Choose a database, let a dry-run say what would happen, then migrate it.</p>
                <a class="button" href="#/start">New run</a>
              </div>`
            : html`${tools(shown)} ${missing ? html`<p class="bad-text" role="status">${missing}</p>` : nothing}
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
                  ${shown.length ? nothing : html`<p class="soft pad">${missing ? "Of the runs that are known here, none fits." : "No run fits."}</p>`}
                </div>
                ${silence ? html`<p class="bad-text section-trouble">${silence}</p>` : nothing}
                ${next ? html`<p><button type="button" @click=${more}>${silence ? "Ask for older runs again" : "Show older runs"}</button></p>` : nothing}`
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
