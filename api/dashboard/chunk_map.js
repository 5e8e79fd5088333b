// Every chunk as a cell. Where there are more chunks than cells, a cell stands for neighbours, and opens to show each of them.
import {nothing} from "./vendored/lit-html/lit-html.js";
import {RUNS, ask, withQuery} from "./api_requests.js";
import {SectionQuestion} from "./section_question.js";
import {during} from "./event_words.js";
import {MAP_CELLS} from "./live_run.js";
import {isMeasured, stoppedIn, tableNamer} from "./run_figures.js";
import {chunkSaid, copies} from "./run_words.js";
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

const keptWord = isDry => (isDry ? "would stay out" : "in quarantine");

function said(cell, at, isDry) {
  const kept = cell.quarantined ? `, ${count(cell.quarantined, "row")} ${keptWord(isDry)}` : "";
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

/** The cells are of the copy once it has begun: before it and where it was stopped, that is said. */
function stateSaid(run, map) {
  const {mode, status} = run.status,
    stopped = stoppedIn(run),
    isDry = mode === "dry-run";
  if (stopped) return `, ${words(status)}${during(stopped, mode)}`;
  if (!isMeasured(run) && map.phase === "profiling") return `, being profiled, to be ${isDry ? "tried" : "copied"} then`;
  return isDry ? " of the trial copy" : " of the copy";
}

/** Why there is no chunk, once the server has said that there is none. */
function noneSaid({status}, stopped) {
  if (stopped) return `None was cut: ${words(status.status)}${during(stopped, status.mode)}.`;
  return status.finished ? "None: there was nothing to cut." : "No chunk yet: the sources are split once they are frozen.";
}

export class ChunkMap {
  #id;
  #redraw;
  #scope = {};
  #own;
  #chosen = null;
  #detailed;
  #at = 0;

  constructor(runId, redraw) {
    this.#id = runId;
    this.#redraw = redraw;
    this.#own = new SectionQuestion(redraw);
    this.#detailed = new SectionQuestion(redraw);
  }

  close() {
    this.#own.close();
    this.#detailed.close();
  }

  /** Shows one table alone, by the name that tells it from others. */
  async choose(source, table, name) {
    await this.#enter({source, table}, name);
    document.getElementById("chunks-head")?.scrollIntoView({block: "start"});
    document.getElementById("chunks-head")?.focus({preventScroll: true});
  }

  async #enter(scope, title) {
    this.#scope = {...scope, title};
    this.#own.forget();
    this.#leave();
    this.#at = 0;
    await this.refresh();
  }

  #leave() {
    this.#chosen = null;
    this.#detailed.forget();
    this.#redraw();
  }

  /** Asks for the part that is shown, where it is not the whole run; called as the run moves. */
  async refresh() {
    const {title, ...part} = this.#scope;
    const path = withQuery(`${RUNS}/${this.#id}/chunk-map`, {cells: MAP_CELLS, ...part});
    // What has no answer is asked for again by itself, and not before the server wants it.
    if (this.#chosen && !this.#detailed.trouble) this.#load(this.#chosen);
    if (title && !this.#own.trouble) await this.#own.ask(() => ask(path));
  }

  #load(cell) {
    const {source, table} = this.#scope;
    const path = withQuery(`${RUNS}/${this.#id}/chunks`, {
      source,
      table,
      after: Math.max(0, cell.first - 1),
      last: cell.last,
      limit: MOST_LISTED,
    });
    return this.#detailed.ask(async () => (await ask(path)).chunks);
  }

  #open(cell, at) {
    this.#at = at;
    this.#detailed.forget();
    this.#chosen = cell;
    this.#redraw();
    this.#load(cell);
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
    if (!copies(run.status.mode)) return nothing;
    const isOwn = Boolean(this.#scope.title),
      map = isOwn ? this.#own.answer : run.map;
    const trouble = isOwn ? this.#own.said() : run.troubleSaid("map"),
      isAsked = isOwn ? !this.#own.trouble : !run.troubles.has("map");
    const isDry = run.status.mode === "dry-run",
      stopped = stoppedIn(run),
      nameOf = tableNamer(run.tables.values());
    const cells = map?.cells || [],
      isSummed = map && map.chunks > cells.length;
    this.#at = Math.min(this.#at, Math.max(0, cells.length - 1));
    return html`<section class="card" aria-labelledby="chunks-head">
      <div class="card-head">
        <h2 id="chunks-head" tabindex="-1">
          Chunks${this.#scope.title ? html` of ${breakable(this.#scope.title)}` : nothing}
        </h2>
        <span class="soft"
          >${map?.chunks ? `${count(map.chunks, "chunk")}${stateSaid(run, map)}${isSummed ? `; a cell stands for up to ${number(Math.ceil(map.chunks / cells.length))}` : ""}` : ""}</span
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
                    aria-label=${said(cell, at, isDry)}
                    title=${said(cell, at, isDry)}
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
                  ["kept", isDry ? "rows would stay out" : "rows in quarantine"],
                  ["failed", "failed"],
                ].map(
                  ([look, label]) =>
                    html`<li><span class=${`cell ${look}`} aria-hidden="true">${SIGNS[look]}</span>${label}</li>`,
                )}
              </ul>`
          : map || isAsked
            ? html`<p class="soft">${map ? noneSaid(run, stopped) : "Asking the server …"}</p>`
            : nothing
      }
      ${trouble} ${this.#chosen ? this.#detail(nameOf, isDry) : nothing}
    </section>`;
  }

  #detail(nameOf, isDry) {
    const cell = this.#chosen,
      chunks = this.#detailed.answer;
    const head = html`<div class="card-head">
      <h3>
        ${chunks?.length === 1 ? chunkSaid(chunks[0], nameOf(chunks[0].table, chunks[0].source)) : `The ${count(cell.chunks, "chunk")} of this cell`}
      </h3>
      ${cell.chunks > 1 ? html`<button type="button" class="small push" @click=${() => this.#enter({...this.#scope, first: cell.first, last: cell.last}, `${this.#scope.title || "one cell"}`)}>A cell for each</button>` : nothing}
      <button type="button" class=${`small ${cell.chunks > 1 ? "" : "push"}`} @click=${() => this.#leave()}>Close</button>
    </div>
    ${this.#detailed.said()}`;
    if (!chunks)
      return html`<div class="chunk-detail">
        ${head}${this.#detailed.trouble ? nothing : html`<p class="soft">Asking the server …</p>`}
      </div>`;
    if (chunks.length === 1) return html`<div class="chunk-detail">${head}${this.#one(chunks[0], isDry)}</div>`;
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
            ${chunks.map(
              chunk =>
                html`<tr>
                  <td>${breakable(nameOf(chunk.table, chunk.source))}</td>
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

  #one(chunk, isDry) {
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
          : `${number(chunk.rows_loaded)} ${isDry ? "would be loaded" : "loaded"}${chunk.rows_quarantined ? `, ${number(chunk.rows_quarantined)} ${keptWord(isDry)}` : ""} of ${number(chunk.rows)}`,
      ],
      ["Size", size(chunk.bytes)],
      ["Keys", `${(columns || []).join(", ") || "whole table"} ${range}`],
      ["Begun", dayAndTime(chunk.started_at)],
      ["Ended", timeOfDay(chunk.finished_at)],
      chunk.seconds !== null && [isDry ? "The trial took" : "Copying took", duration(chunk.seconds)],
    ].filter(Boolean);
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
