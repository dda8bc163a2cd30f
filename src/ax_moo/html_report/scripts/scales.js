// How a parameter is laid along an axis: a range by its number, all else by its place among its values.

/** `place(value)` is where a value stands; `ticks` are there for logarithms and for categories. */
function scaleOf(parameter) {
  if (parameter.kind === "range") return parameter.log ? logarithmic(parameter) : linear(parameter);
  return categorical(parameter);
}

function linear({ lower, upper, integer }) {
  const [low, high] = [Number(lower), Number(upper)];
  const isShort = integer && high - low <= 10;
  const ticks = isShort
    ? Array.from({ length: high - low + 1 }, (_, step) => ({ at: low + step, words: text(low + step) }))
    : null;
  return {
    kind: "linear",
    range: low < high ? [low, high] : [low - 0.5, low + 0.5],
    place: (value) => finite(Number(value)),
    ticks,
  };
}

function logarithmic({ lower, upper }) {
  const [low, high] = [Math.log10(Number(lower)), Math.log10(Number(upper))];
  const values = [];
  for (let decade = Math.floor(low); decade <= high; decade += 1) {
    for (const digit of high - low > 2 ? [1] : [1, 2, 5]) values.push(digit * 10 ** decade);
  }
  const apart = 0.1 * (high - low);
  const inside = values.filter((value) => Math.log10(value) > low + apart && Math.log10(value) < high - apart);
  const range = low < high ? [low, high] : [low - 0.5, low + 0.5];
  const place = (value) => (Number(value) > 0 ? finite(Math.log10(Number(value))) : null);
  const shown = low < high ? [Number(lower), ...inside, Number(upper)] : [Number(lower)];
  return { kind: "log", range, place, ticks: shown.map((value) => ({ at: Math.log10(value), words: brief(value) })) };
}

function categorical(parameter) {
  const keys = new Map();
  const values = [];
  const add = (value) => {
    const key = JSON.stringify(value);
    if (keys.has(key)) return;
    keys.set(key, values.length);
    values.push(value);
  };
  (parameter.values ?? (parameter.kind === "fixed" ? [parameter.value] : [])).forEach(add);
  for (const trial of sweep.trials)
    if (parameter.name in trial.parameterization) add(trial.parameterization[parameter.name]);
  const words = values.map(text);
  // 1 and "1" are different values: where they would read the same, strings get their quotes.
  const ticks = values.map((value, at) => ({
    at,
    words: words.indexOf(words[at]) === words.lastIndexOf(words[at]) ? words[at] : JSON.stringify(value),
  }));
  return {
    kind: "category",
    range: [-0.5, Math.max(values.length, 1) - 0.5],
    place: (value) => keys.get(JSON.stringify(value)) ?? null,
    ticks,
  };
}

/** Both ends in few digits, no nearer to each other than they were, so that rounding cuts nothing off. */
function outwards(low, high) {
  const step = 10 ** (Math.floor(Math.log10(high - low)) - 1);
  return [Math.floor(low / step), Math.ceil(high / step)].map((steps) => Number((steps * step).toPrecision(12)));
}

/** Five or so round numbers from one end to the other; where values lie beyond an end, the end is named "≤" or "≥". */
function rangeTicks(low, high, isBelow, isAbove) {
  const decade = 10 ** Math.floor(Math.log10((high - low) / 5));
  const step = [1, 2, 5, 10].map((digit) => digit * decade).find((one) => (high - low) / one <= 6);
  const apart = 0.06 * (high - low);
  const round = Array.from({ length: 8 }, (_, index) => (Math.ceil(low / step) + index) * step)
    .map((at) => Number(at.toPrecision(12)))
    .filter((at) => at >= low + (isBelow ? apart : 0) && at <= high - (isAbove ? apart : 0));
  return [
    ...(isBelow ? [{ at: low, words: `≤ ${number(low)}` }] : []),
    ...round.map((at) => ({ at, words: number(at) })),
    ...(isAbove ? [{ at: high, words: `≥ ${number(high)}` }] : []),
  ];
}

function finite(value) {
  return Number.isFinite(value) ? value : null;
}

/** The same scale as an axis of a plot. */
function axisOf(scale, title) {
  const ticks = scale.ticks
    ? {
        tickmode: "array",
        tickvals: scale.ticks.map(({ at }) => at),
        ticktext: scale.ticks.map(({ words }) => plain(words, 24)),
      }
    : {};
  return { title, type: "linear", range: scale.range, ...ticks };
}
