// Every chunk as a cell. Where there are more chunks than cells, a cell stands for neighbours, and opens to show each of them.
import {nothing} from "./vendored/lit-html/lit-html.js";
import {RUNS, ask, withQuery} from "./api_requests.js";
import {during} from "./event_words.js";
import {MAP_CELLS} from "./live_run.js";
import {isMeasured, stoppedIn} from "./run_figures.js";
import {chunkSaid} from "./run_words.js";
import {breakable, html} from "./shown_text.js";
import {count, dayAndTime, duration, number, size, timeOfDay, words} from "./text_formats.js";

const SIGNS = {failed: "×", running: "▸", kept: "!", done: "", mixed: "", pending: ""};
const MOST_LISTED = 100;

function lookOf(cell) {
  if (cell.failed) return "failed";
  if (cell.running) return "running";
  if (cell.quarantined) return "kept";
  if (cell.done === cell.chunks) return "done";
  return cell.done ? "mixed" : "pending";
}

function said(cell, at) {
  const kept = cell.quarantined ? `, ${count(cell.quarantined, "row")} in quarantine` : "";
  if (cell.chunks === 1) {
    const state = cell.failed ? "failed" : cell.running ? "running" : cell.done ? "done" : "waiting";
    return `Chunk ${at + 1}: ${state}${kept}`;
  }
  const waiting = cell.chunks - cell.done - cell.running - cell.failed;
  const parts = [
    [cell.done, "done"],
    [cell.running, "running"],
    [cell.failed, "failed"],
    [waiting, "waiting"],
  ];
  return `${count(cell.chunks, "chunk")}: ${parts
    .filter(([n]) => n)
    .map(([n, word]) => `${n} ${word}`)
    .join(", ")}${kept}`;
}

/** The cells are of the copy, whatever the run does: before it and where it was stopped, that is said. */
function stateSaid(run) {
  const stopped = stoppedIn(run);
  if (stopped) return `, ${words(run.status.status)}${during(stopped)}`;
  return isMeasured(run) || run.status.status === "cancelled" ? " of the copy" : ", to be copied";
}

export class ChunkMap {
  #id;
  #redraw;
  #scope = {};
  #own = null;
  #chosen = null;
  #chunks = null;
  #trouble = "";
  #at = 0;
  #asked = 0;

  constructor(runId, redraw) {
    this.#id = runId;
    this.#redraw = redraw;
  }

  /** Shows one table alone. */
  async choose(source, table) {
    await this.#enter({source, table}, table);
    document.getElementById("chunks-head")?.scrollIntoView({block: "start"});
    document.getElementById("chunks-head")?.focus({preventScroll: true});
  }

  async #enter(scope, title) {
    this.#scope = {...scope, title};
    this.#own = null;
    this.#chosen = this.#chunks = null;
    this.#at = 0;
    await this.refresh();
  }

  /** Asks for the part that is shown, where it is not the whole run; called as the run moves. */
  async refresh() {
    const asked = ++this.#asked,
      {title, ...part} = this.#scope;
    try {
      const answer = title ? await ask(withQuery(`${RUNS}/${this.#id}/chunk-map`, {cells: MAP_CELLS, ...part})) : null;
      if (asked !== this.#asked) return;
      this.#own = answer;
      this.#trouble = "";
      if (this.#chosen) await this.#load(this.#chosen);
    } catch (error) {
      this.#trouble = error.message;
    }
    this.#redraw();
  }

  async #load(cell) {
    const {source, table} = this.#scope;
    const answer = await ask(
      withQuery(`${RUNS}/${this.#id}/chunks`, {
        source,
        table,
        after: Math.max(0, cell.first - 1),
        last: cell.last,
        limit: MOST_LISTED,
      }),
    );
    if (this.#chosen === cell) this.#chunks = answer.chunks;
  }

  async #open(cell, at) {
    this.#at = at;
    this.#chosen = cell;
    this.#chunks = null;
    this.#redraw();
    try {
      await this.#load(cell);
      this.#trouble = "";
    } catch (error) {
      this.#trouble = error.message;
    }
    this.#redraw();
  }

  #onKey(event, cells) {
    const grid = event.currentTarget,
      columns = getComputedStyle(grid).gridTemplateColumns.split(" ").length;
    const steps = {
      ArrowRight: 1,
      ArrowLeft: -1,
      ArrowDown: columns,
      ArrowUp: -columns,
      Home: -this.#at,
      End: cells.length - 1 - this.#at,
    };
    if (event.key === "Enter" || event.key === " ") this.#open(cells[this.#at], this.#at);
    else if (event.key in steps) this.#at = Math.min(cells.length - 1, Math.max(0, this.#at + steps[event.key]));
    else return;
    event.preventDefault();
    this.#redraw();
    grid.children[this.#at]?.focus();
  }

  view(run) {
    const map = this.#scope.title ? this.#own : run.map;
    const cells = map?.cells || [],
      isSummed = map && map.chunks > cells.length;
    this.#at = Math.min(this.#at, Math.max(0, cells.length - 1));
    return html`<section class="card" aria-labelledby="chunks-head">
      <div class="card-head">
        <h2 id="chunks-head" tabindex="-1">
          Chunks${this.#scope.title ? html` of ${breakable(this.#scope.title)}` : nothing}
        </h2>
        <span class="soft"
          >${map ? `${count(map.chunks, "chunk")}${stateSaid(run)}${isSummed ? `; a cell stands for up to ${number(Math.ceil(map.chunks / cells.length))}` : ""}` : ""}</span
        >
        ${this.#scope.title ? html`<button type="button" class="small push" @click=${() => this.#enter({}, "")}>All chunks</button>` : nothing}
      </div>
      ${
        cells.length
          ? html`<div
                class="chunks"
                role="listbox"
                aria-label="Chunks"
                aria-orientation="horizontal"
                @keydown=${event => this.#onKey(event, cells)}
              >
                ${cells.map((cell, at) => {
                  const look = lookOf(cell);
                  return html`<div
                    role="option"
                    class=${`cell ${look}`}
                    aria-label=${said(cell, at)}
                    title=${said(cell, at)}
                    aria-selected=${this.#chosen?.first === cell.first}
                    tabindex=${at === this.#at ? 0 : -1}
                    @click=${() => this.#open(cell, at)}
                  >
                    ${SIGNS[look]}
                  </div>`;
                })}
              </div>
              <ul class="legend" aria-label="What the cells mean">
                ${[
                  ["done", "done"],
                  ["running", "running"],
                  ["pending", "waits"],
                  ["kept", "rows in quarantine"],
                  ["failed", "failed"],
                ].map(
                  ([look, label]) =>
                    html`<li><span class=${`cell ${look}`} aria-hidden="true">${SIGNS[look]}</span>${label}</li>`,
                )}
              </ul>`
          : html`<p class="soft">
              ${map ? "No chunk yet: the sources are split once they are frozen." : "Asking the server …"}
            </p>`
      }
      ${this.#trouble ? html`<p class="bad-text">${this.#trouble}</p>` : nothing}
      ${this.#chosen ? this.#detail() : nothing}
    </section>`;
  }

  #detail() {
    const cell = this.#chosen,
      close = () => {
        this.#chosen = this.#chunks = null;
        this.#redraw();
      };
    const head = html`<div class="card-head">
      <h3>
        ${this.#chunks?.length === 1 ? chunkSaid(this.#chunks[0]) : `The ${count(cell.chunks, "chunk")} of this cell`}
      </h3>
      ${cell.chunks > 1 ? html`<button type="button" class="small push" @click=${() => this.#enter({...this.#scope, first: cell.first, last: cell.last}, `${this.#scope.title || "one cell"}`)}>A cell for each</button>` : nothing}
      <button type="button" class=${`small ${cell.chunks > 1 ? "" : "push"}`} @click=${close}>Close</button>
    </div>`;
    if (!this.#chunks)
      return html`<div class="chunk-detail">
        ${head}
        <p class="soft">Asking the server …</p>
      </div>`;
    if (this.#chunks.length === 1) return html`<div class="chunk-detail">${head}${this.#one(this.#chunks[0])}</div>`;
    return html`<div class="chunk-detail">
      ${head}
      <div class="scroll" tabindex="0" role="region" aria-label="Chunks of this cell">
        <table>
          <thead>
            <tr>
              <th>Table</th>
              <th class="num">Chunk</th>
              <th>State</th>
              <th class="num">Attempts</th>
              <th>Worker</th>
              <th class="num">Ended</th>
              <th>Error</th>
            </tr>
          </thead>
          <tbody>
            ${this.#chunks.map(
              chunk =>
                html`<tr>
                  <td>${breakable(chunk.table)}</td>
                  <td class="num">${chunk.position + 1}</td>
                  <td>${chunk.state}</td>
                  <td class="num">${chunk.attempts}</td>
                  <td>${breakable(chunk.worker || "–")}</td>
                  <td class="num">${timeOfDay(chunk.finished_at)}</td>
                  <td>${chunk.error || "–"}</td>
                </tr>`,
            )}
          </tbody>
        </table>
      </div>
    </div>`;
  }

  #one(chunk) {
    const {after, upto, columns} = chunk.key_range;
    const range = [
      after ? `above ${after.join(", ")}` : "from the first",
      upto ? `up to ${upto.join(", ")}` : "to the last",
    ].join(" ");
    const facts = [
      ["State", chunk.state],
      ["Attempts", number(chunk.attempts)],
      ["Worker", breakable(chunk.worker || "none yet")],
      [
        "Rows",
        chunk.rows_loaded === null
          ? number(chunk.rows)
          : `${number(chunk.rows_loaded)} of ${number(chunk.rows)}${chunk.rows_quarantined ? `, ${number(chunk.rows_quarantined)} in quarantine` : ""}`,
      ],
      ["Size", size(chunk.bytes)],
      ["Keys", `${(columns || []).join(", ") || "whole table"} ${range}`],
      ["Begun", dayAndTime(chunk.started_at)],
      ["Ended", timeOfDay(chunk.finished_at)],
      ["Copying took", duration(chunk.seconds)],
    ];
    return html`<dl class="facts">
        ${facts.map(
          ([name, value]) =>
            html`<div>
              <dt>${name}</dt>
              <dd>${value}</dd>
            </div>`,
        )}
      </dl>
      ${chunk.error ? html`<p class="bad-text">${chunk.error}</p>` : nothing}`;
  }
}
