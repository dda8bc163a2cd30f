// How values are written. What the application chose (names, values, messages) reaches the page as text only.

const NONE = "–";

/** Any JSON value as one line. */
function text(value) {
  if (value === undefined) return NONE;
  if (typeof value === "string") return value;
  if (typeof value === "number") return String(value);
  return JSON.stringify(value);
}

/** A number to be read, not computed with: five digits, thousands apart. */
function number(value) {
  if (value === null || value === undefined) return NONE;
  if (typeof value !== "number") return text(value);
  const size = Math.abs(value);
  if (Number.isInteger(value) && size < 1e12) return value.toLocaleString("en", { useGrouping: size >= 1e4 });
  if (size !== 0 && (size < 1e-4 || size >= 1e9)) return value.toExponential(4).replace(/\.?0*e\+?/, "e");
  return value.toLocaleString("en", { maximumSignificantDigits: 5, useGrouping: size >= 1e4 });
}

/** A length of time. */
function duration(seconds) {
  if (seconds === null || seconds === undefined) return NONE;
  if (seconds < 60) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  const whole = Math.round(seconds);
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60)];
  if (hours >= 48) return `${Math.floor(hours / 24)} d ${hours % 24} h`;
  return hours ? `${hours} h ${String(minutes).padStart(2, "0")} min` : `${minutes} min ${whole % 60} s`;
}

/** A moment, in the reader's time zone. */
function moment(seconds) {
  if (seconds === null || seconds === undefined) return NONE;
  const two = (part) => String(part).padStart(2, "0");
  const at = new Date(seconds * 1000);
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return `${day} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

function percent(share) {
  return share === null || share === undefined ? NONE : `${Math.round(share * 1000) / 10} %`;
}

function count(amount, one, several = `${one}s`) {
  return `${number(amount)} ${amount === 1 ? one : several}`;
}

function short(string, length) {
  return string.length <= length ? string : `${string.slice(0, length - 1)}…`;
}

/** Plotly reads text as a little HTML: this is how text stays text there. (Templates it reads only in other places.) */
function plain(value, length = 60) {
  const line = short(text(value).replace(/\s+/g, " "), length);
  return line.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

/** A parameter value in few words: numbers to six digits, all else as it is. */
function brief(value) {
  return typeof value === "number" && !Number.isInteger(value) ? String(Number(value.toPrecision(6))) : text(value);
}
