// The three meters: what the program has used of what it may use.

// A little is not shown as nothing.
const shown = (n, digits) => (n > 0 ? Math.max(n, 10 ** -digits) : 0).toFixed(digits);
const amount = (unit, size, digits) => (used, limit) => `${shown(used / size, digits)} of ${limit / size} ${unit}`;

const GAUGES = {
  cpu: { meter: "cpu", text: amount("s", 1, 3) },
  memory: { meter: "memory", text: amount("MB", 2 ** 20, 1) },
  output: { meter: "written", text: amount("KB", 2 ** 10, 1) },
};

let limits = {};

export function setLimits(fields) {
  limits = fields;
  show({ cpu: 0, memory: 0, output: 0 });
}

/** `reached` names the limit that stopped the program, if one did. */
export function show(usage, reached) {
  for (const [name, { meter: id, text }] of Object.entries(GAUGES)) {
    const limit = Number(limits[name]);
    if (!(limit > 0) || usage[name] === undefined) continue;
    const used = Number(usage[name]);
    const meter = document.getElementById(id);
    const words = text(used, limit);
    meter.setAttribute("aria-valuemax", limit);
    meter.setAttribute("aria-valuenow", Math.min(used, limit));
    meter.firstElementChild.style.width = `${Math.min(100, (100 * used) / limit)}%`;
    meter.setAttribute("aria-valuetext", name === reached ? `${words}, at its limit` : words);
    document.getElementById(`${id}-text`).textContent = words;
    meter.parentElement.classList.toggle("full", name === reached);
  }
}
