// The page: sends the program, shows what comes back as it comes.

import { Editor } from "./editor.js";
import { fields, frames } from "./frames.js";
import * as gauges from "./gauges.js";

const $ = (id) => document.getElementById(id);
const editor = new Editor();
const output = $("output");
const NOTHING = "What the program writes appears here.";
let current = null;
let limits = {};

function status(text, bad = false) {
  $("status").textContent = text;
  $("status").classList.toggle("bad", bad);
}

function problem(message, line, trace) {
  $("problem-message").textContent = message;
  $("problem").hidden = !message;
  $("go").hidden = !line;
  $("go").textContent = `Go to line ${line}`;
  $("go").onclick = () => editor.go(line);
  $("trace").textContent = trace;
  $("trace-details").hidden = !trace.includes("\n");
  $("trace-details").open = false;
  editor.mark(line);
}

// Appends, and stays at the end for a reader who is there.
function append(kind, text) {
  if (!text) return;
  const atEnd = output.scrollTop + output.clientHeight >= output.scrollHeight - 30;
  const last = output.lastElementChild;
  if (last && last.className === kind) {
    last.append(text);
  } else {
    const part = document.createElement("span");
    part.className = kind;
    part.append(text);
    output.append(part);
  }
  if (atEnd) output.scrollTop = output.scrollHeight;
}

function seconds(since) {
  const passed = (performance.now() - since) / 1000;
  return `${passed < 10 ? passed.toFixed(2) : passed.toFixed(0)} s`;
}

function conclude(end, error, trace, started) {
  const line = Number(end.line ?? 0);
  const where = line ? ` in line ${line}` : "";
  if (end.limit) status(`Stopped${where} by the ${end.limit} limit.`, true);
  else if (end.reached === "memory") status(`Out of memory${where}.`, true);
  else if (error) status(`Error${where}.`, true);
  else if (end.exit !== undefined) status(`Exited with status ${end.exit} after ${seconds(started)}.`);
  else status(output.hasChildNodes() ? `Finished after ${seconds(started)}.` : `Finished after ${seconds(started)}, no output.`);
  problem(error, line, trace);
}

async function follow(response, run) {
  const text = { stdout: new TextDecoder(), stderr: new TextDecoder(), rest: new TextDecoder() };
  let usage = {}, error = "", trace = "";
  for await (const { name, bytes } of frames(response.body)) {
    if (run !== current) return;
    if (name === "stdout" || name === "stderr") {
      append(name, text[name].decode(bytes, { stream: true }));
      continue;
    }
    const payload = text.rest.decode(bytes);
    if (name === "usage") gauges.show(usage = fields(payload));
    else if (name === "error") error = payload;
    else if (name === "traceback") trace = payload;
    else if (name === "end") {
      const end = fields(payload);
      // Lua's own error for its memory limit, which leaves the box able to run.
      const reached = end.limit ?? (error.endsWith("not enough memory") ? "memory" : undefined);
      gauges.show(usage, reached);
      conclude({ ...end, reached }, error, trace, run.started);
      return;
    }
  }
  throw new Error("The connection ended before the program did.");
}

async function start() {
  current?.abort.abort();
  const run = { abort: new AbortController(), started: performance.now() };
  current = run;
  output.replaceChildren();
  output.dataset.empty = "";
  problem("", 0, "");
  gauges.setLimits(limits);
  status("Running…");
  $("stop").setAttribute("aria-disabled", "false");
  try {
    const response = await fetch("run", {
      method: "POST",
      headers: { "Content-Type": "text/x-lua" },
      body: editor.value,
      signal: run.abort.signal,
    });
    if (!response.ok) throw new Error((await response.text()).trim() || `The server answered ${response.status}.`);
    await follow(response, run);
  } catch (error) {
    if (run !== current) return;
    if (error.name === "AbortError") {
      status(`Stopped by you after ${seconds(run.started)}.`);
    } else {
      status("The program was not run to its end.", true);
      problem(error instanceof TypeError ? "The connection to the server was lost." : error.message, 0, "");
    }
  }
  if (run === current) {
    current = null;
    $("stop").setAttribute("aria-disabled", "true");
  }
}

async function example() {
  const response = await fetch(`examples/${$("example").value}.lua`);
  if (!response.ok) throw new Error(`no such example: ${$("example").value}`);
  return (await response.text()).trimEnd() + "\n";
}

$("run").addEventListener("click", start);
$("stop").addEventListener("click", () => current?.abort.abort());
$("example").addEventListener("change", async () => editor.replace(await example()));
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    start();
  }
});

output.dataset.empty = NOTHING;
limits = fields(await (await fetch("limits")).text());
gauges.setLimits(limits);
if (!editor.value) editor.value = await example();
document.documentElement.dataset.ready = "";
