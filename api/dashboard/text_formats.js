// How figures, times and names are written. Names come from foreign files: they are only ever set as text.
import {html} from "./shown_text.js";

const NUMBER = new Intl.NumberFormat("en");
const CLOCK = new Intl.DateTimeFormat("en-GB", {hour: "2-digit", minute: "2-digit", second: "2-digit"});
const DAY = new Intl.DateTimeFormat("en-GB", {
  day: "numeric",
  month: "short",
  year: "numeric",
  hour: "2-digit",
  minute: "2-digit",
});
const UNITS = ["B", "kB", "MB", "GB", "TB"];

export const number = value => (value === null || value === undefined ? "–" : NUMBER.format(value));

/** `1 row`, `2 rows`. */
export const count = (value, noun, many = `${noun}s`) => `${number(value)} ${value === 1 ? noun : many}`;

export const words = name => String(name).replaceAll("_", " ");

/** Bytes, in units of 1,000. */
export function size(bytes) {
  if (bytes === null || bytes === undefined) return "–";
  let unit = 0;
  while (bytes >= 1000 && unit < UNITS.length - 1) {
    bytes /= 1000;
    unit++;
  }
  return `${unit && bytes < 100 ? bytes.toFixed(1) : Math.round(bytes)} ${UNITS[unit]}`;
}

/** Seconds as a person says them. */
export function duration(seconds) {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return "–";
  if (seconds < 0.095) return `${Math.max(0, Math.round(seconds * 1000))} ms`;
  const whole = Math.round(seconds);
  if (whole < 60) return seconds < 9.95 ? `${seconds.toFixed(1)} s` : `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  if (whole < 86400) return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
  return `${Math.floor(whole / 86400)} d ${Math.floor((whole % 86400) / 3600)} h`;
}

export const clock = time => CLOCK.format(new Date(time));

function moment(time, format) {
  if (!time) return "–";
  const date = new Date(time);
  return html`<time datetime=${date.toISOString()} title=${date.toISOString().replace("T", " ").replace("Z", " UTC")}
    >${format.format(date)}</time
  >`;
}

/** The time of day in the browser's zone; its title has UTC. */
export const timeOfDay = time => moment(time, CLOCK);

/** Day and time in the browser's zone; its title has UTC. */
export const dayAndTime = time => moment(time, DAY);

/** Seconds from a run's start to its end, or to now; null where its own end is not told, but that of its rollback. */
export function taken(run) {
  if (run.status === "rolled_back") return null;
  return run.started_at ? (new Date(run.finished_at || Date.now()) - new Date(run.started_at)) / 1000 : null;
}

/** Base64 as bytes. */
export const bytesOf = base64 => Uint8Array.from(atob(base64), letter => letter.charCodeAt(0));

/** Bytes as `63 61 66 e9`. */
export const hex = bytes => [...bytes].map(byte => byte.toString(16).padStart(2, "0")).join(" ");

/** Bytes as text; what is no UTF-8 shows as U+FFFD, control characters as their pictures. */
export function readable(bytes) {
  const text = new TextDecoder("utf-8").decode(bytes);
  return text.replace(/[\x00-\x1f]/g, letter => String.fromCodePoint(0x2400 + letter.codePointAt(0)));
}
