// The editor: a textarea, above a painted copy of its text, beside its line numbers.

import { coloured } from "./lua.js";

const INDENT = "    ";

export class Editor {
  #area = document.getElementById("program");
  #paint = document.getElementById("paint");
  #numbers = document.getElementById("numbers");
  #marked = 0;
  // Tab indents only for somebody who is writing: who came by Tab leaves by Tab.
  #writing = false;

  constructor() {
    const area = this.#area;
    area.addEventListener("input", () => { this.#writing = true; this.mark(0); this.#draw(); });
    area.addEventListener("scroll", () => this.#follow());
    area.addEventListener("pointerdown", () => { this.#writing = true; });
    area.addEventListener("blur", () => { this.#writing = false; });
    area.addEventListener("keydown", (event) => this.#key(event));
    this.#draw();
  }

  get value() { return this.#area.value; }

  /** The program to begin with. */
  set value(text) {
    this.#area.value = text;
    this.#area.setSelectionRange(0, 0);
    this.#draw();
  }

  /** Replaces the program; Ctrl+Z brings the old one back. */
  replace(text) {
    const before = document.activeElement;
    this.#area.focus({ preventScroll: true });
    this.#area.select();
    this.#insert(text);
    this.#area.setSelectionRange(0, 0);
    this.#area.scrollTop = this.#area.scrollLeft = 0;
    this.#writing = false;
    if (before && before !== this.#area) before.focus({ preventScroll: true });
  }

  /** Marks a line as the one with the error; 0 marks none. */
  mark(line) {
    if (line === this.#marked) return;
    this.#marked = line;
    if (line) this.#area.setAttribute("aria-invalid", "true");
    else this.#area.removeAttribute("aria-invalid");
    this.#draw();
    if (line) this.#show(line);
  }

  /** Puts the caret at a line, and the focus into the editor. */
  go(line) {
    const lines = this.value.split("\n");
    const start = lines.slice(0, line - 1).reduce((n, l) => n + l.length + 1, 0);
    this.#area.focus();
    this.#area.setSelectionRange(start, start + (lines[line - 1] ?? "").length);
    this.#show(line);
  }

  #show(line) {
    const row = this.#row();
    const top = (line - 1) * row;
    const { scrollTop, clientHeight } = this.#area;
    if (top < scrollTop || top + 3 * row > scrollTop + clientHeight) {
      this.#area.scrollTop = Math.max(0, top - clientHeight / 2);
    }
    this.#follow();
  }

  #row() { return parseFloat(getComputedStyle(this.#area).lineHeight); }

  #follow() {
    const { scrollTop, scrollLeft } = this.#area;
    this.#paint.style.transform = `translate(${-scrollLeft}px, ${-scrollTop}px)`;
    this.#numbers.style.transform = `translateY(${-scrollTop}px)`;
  }

  #draw() {
    const lines = coloured(this.value);
    this.#paint.replaceChildren(...lines.map((parts, i) => {
      const line = document.createElement("div");
      line.className = i + 1 === this.#marked ? "line bad" : "line";
      for (const [kind, text] of parts) {
        const part = document.createElement("span");
        if (kind) part.className = kind;
        part.textContent = text;
        line.append(part);
      }
      return line;
    }));
    this.#numbers.replaceChildren(...lines.map((_, i) => {
      const number = document.createElement("div");
      if (i + 1 === this.#marked) number.className = "bad";
      number.textContent = i + 1;
      return number;
    }));
    this.#follow();
  }

  // The one way to change a textarea that its undo knows of.
  #insert(text) {
    const done = text ? document.execCommand("insertText", false, text) : document.execCommand("delete");
    if (!done) {
      this.#area.setRangeText(text, this.#area.selectionStart, this.#area.selectionEnd, "end");
      this.#area.dispatchEvent(new InputEvent("input"));
    }
  }

  #key(event) {
    const plain = !event.ctrlKey && !event.altKey && !event.metaKey;
    if (event.key === "Escape") {
      this.#writing = false;
    } else if (event.key === "Tab" && plain && this.#writing) {
      event.preventDefault();
      this.#indent(event.shiftKey);
    } else if (event.key === "Enter" && plain && !event.isComposing) {
      event.preventDefault();
      this.#insert("\n" + this.#lineStart().match(/^[ \t]*/)[0]);
    } else if (plain && (event.key.length === 1 || event.key.startsWith("Arrow"))) {
      this.#writing = true;
    }
  }

  // The line of the caret, up to it.
  #lineStart() {
    const { selectionStart } = this.#area;
    return this.value.slice(this.value.lastIndexOf("\n", selectionStart - 1) + 1, selectionStart);
  }

  // One step in or out: at the caret, or for all lines of a selection.
  #indent(out) {
    const area = this.#area;
    const { selectionStart, selectionEnd, value } = area;
    if (!out && selectionStart === selectionEnd) {
      const column = this.#lineStart().length;
      this.#insert(INDENT.slice(column % INDENT.length));
      return;
    }
    const start = value.lastIndexOf("\n", selectionStart - 1) + 1;
    const before = value.slice(start, selectionEnd);
    const text = out ? before.replace(/^( {1,4}|\t)/gm, "") : before.replace(/^(?=[^\n])/gm, INDENT);
    if (text === before) return;
    area.setSelectionRange(start, selectionEnd);
    this.#insert(text);
    if (selectionStart === selectionEnd) area.setSelectionRange(start + text.length, start + text.length);
    else area.setSelectionRange(start, start + text.length);
  }
}
