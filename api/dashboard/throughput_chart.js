// How fast rows were loaded, and how long it would still have taken, painted by uPlot.
import uPlot from "./vendored/uplot/uPlot.esm.js";
import {themeColour} from "./colour_scheme.js";
import {nothing} from "./vendored/lit-html/lit-html.js";
import {secondsLeft} from "./run_figures.js";
import {copies} from "./run_words.js";
import {html} from "./shown_text.js";
import {count, duration, number} from "./text_formats.js";

const HEIGHT_PX = 190;
const FEWEST_SPANS = 4; // below, a sentence tells as much
const SHORT = new Intl.NumberFormat("en", {notation: "compact", maximumFractionDigits: 1});

/** Painted into an element that is drawn once; `close` frees it. */
export class ThroughputChart {
  #plot = null;
  #place = null;
  #data = null;
  #said = "";
  #isDry = false;
  #repaint = () => {
    this.#plot?.destroy();
    this.#plot = null;
    this.#paint();
  };
  #sizes = new ResizeObserver(() => this.#fit());

  constructor() {
    addEventListener("convoy-scheme", this.#repaint);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", this.#repaint);
  }

  close() {
    removeEventListener("convoy-scheme", this.#repaint);
    matchMedia("(prefers-color-scheme: dark)").removeEventListener("change", this.#repaint);
    this.#sizes.disconnect();
    this.#plot?.destroy();
  }

  /** Says in words what the picture shows. */
  view(run) {
    const {speed, status} = run;
    if (!copies(status.mode)) return nothing;
    const hasData = Boolean(speed?.rows.some((rows, at) => rows + speed.rows_quarantined[at] > 0));
    const isWorthAPicture = hasData && speed.rows.length >= FEWEST_SPANS;
    this.#isDry = status.mode === "dry-run";
    if (hasData) this.#said = this.#inWords(run, isWorthAPicture);
    else if (speed) this.#said = `Nothing ${status.finished ? "was" : "is"} ${this.#isDry ? "tried" : "copied"}${status.finished ? "" : " yet"}.`;
    else this.#said = run.troubles.has("speed") ? "" : "Asking the server …";
    return html`<section class="card" aria-labelledby="speed-head">
      <div class="card-head"><h2 id="speed-head">Speed of the ${this.#isDry ? "trial copy" : "copy"}</h2></div>
      ${this.#said ? html`<p class="soft small-text">${this.#said}</p>` : nothing} ${run.troubleSaid("speed")}
      <div id="speed-chart" class="chart" role="img" aria-label=${this.#said} ?hidden=${!isWorthAPicture}></div>
    </section>`;
  }

  /** The rows and their pace are those of the status, as they stand above: one number for one thing. */
  #inWords({speed, status: {rows}}, hasPicture) {
    const most = Math.max(...speed.rows) / speed.seconds_per_span;
    const what = this.#isDry ? "would be loaded, tried" : "loaded";
    const peak = hasPicture ? ` and ${number(Math.round(most))} at the most` : "";
    return `${count(rows.done, "row")} ${what} in ${duration(speed.rows.length * speed.seconds_per_span)}, ${number(Math.round(rows.per_second))} rows a second on average${peak}.`;
  }

  /** To be called after the page was drawn. */
  update(run) {
    const place = document.getElementById("speed-chart");
    if (!place || !run.speed?.rows.length) return;
    if (place !== this.#place) {
      this.#plot?.destroy();
      this.#plot = null;
      this.#place = place;
      this.#sizes.disconnect();
      this.#sizes.observe(place);
    }
    const {speed, status} = run,
      from = Date.parse(speed.started_at) / 1000;
    this.#data = [
      speed.rows.map((_, at) => from + (at + 1) * speed.seconds_per_span),
      speed.rows.map(rows => rows / speed.seconds_per_span),
      secondsLeft(speed, status.rows.total),
    ];
    this.#paint();
  }

  #fit() {
    const width = this.#place?.clientWidth;
    if (!width) return;
    if (this.#plot) this.#plot.setSize({width, height: HEIGHT_PX});
    else this.#paint();
  }

  #paint() {
    if (!this.#data || !this.#place?.clientWidth) return;
    if (this.#plot) {
      this.#plot.setData(this.#data);
      return;
    }
    const ink = themeColour("soft"),
      line = themeColour("line"),
      accent = themeColour("accent"),
      warm = themeColour("warm");
    const font = `12px ${getComputedStyle(document.body).fontFamily}`;
    const axis = {stroke: ink, font, grid: {stroke: line, width: 1}, ticks: {stroke: line, width: 1}};
    this.#plot = new uPlot(
      {
        width: this.#place.clientWidth,
        height: HEIGHT_PX,
        cursor: {drag: {x: false, y: false}},
        legend: {live: true},
        scales: {
          y: {range: (_, low, high) => [0, Math.max(1, high * 1.1)]},
          left: {range: (_, low, high) => [0, Math.max(1, (high || 0) * 1.1)]},
        },
        series: [
          {value: (_, at) => (at === null ? "–" : new Date(at * 1000).toLocaleTimeString("en-GB"))},
          {
            label: this.#isDry ? "rows a second that would be loaded" : "rows loaded a second",
            stroke: accent,
            width: 2,
            fill: `color-mix(in srgb, ${accent} 12%, transparent)`,
            value: (_, rate) => (rate === null ? "–" : number(Math.round(rate))),
            points: {show: false},
          },
          {
            label: this.#isDry ? "time left for the trial copy" : "time left for the copy",
            scale: "left",
            stroke: warm,
            width: 1.5,
            dash: [5, 4],
            value: (_, seconds) => (seconds === null ? "–" : duration(seconds)),
            points: {show: false},
          },
        ],
        axes: [
          {...axis, space: 80, values: (_, times) => times.map(at => new Date(at * 1000).toLocaleTimeString("en-GB"))},
          {...axis, size: 56, values: (_, rates) => rates.map(rate => SHORT.format(rate))},
          {
            ...axis,
            side: 1,
            scale: "left",
            size: 64,
            grid: {show: false},
            values: (_, all) => all.map(seconds => duration(seconds)),
          },
        ],
      },
      this.#data,
      this.#place,
    );
  }
}
