// The words of Lua 5.1 to 5.4, for colour alone: the box decides what the program means.

const TOKEN = new RegExp([
  String.raw`(?<comment>--\[(?<a>=*)\[[\s\S]*?(?:\]\k<a>\]|$)|--[^\n]*)`,
  String.raw`(?<string>\[(?<b>=*)\[[\s\S]*?(?:\]\k<b>\]|$)|"(?:\\[\s\S]|[^"\\\n])*"?|'(?:\\[\s\S]|[^'\\\n])*'?)`,
  String.raw`(?<number>0[xX][\da-fA-F.]+(?:[pP][+-]?\d+)?|\d+\.?\d*(?:[eE][+-]?\d+)?)`,
  String.raw`(?<name>[A-Za-z_]\w*)`,
  String.raw`(?<rest>[^\w"'\[-]+|[\s\S])`,
].join("|"), "g");

const WORDS = new Set(("and break do else elseif end false for function goto if in local nil not or repeat return "
  + "then true until while").split(" "));

/** The program's lines, each a list of [kind, text]; kind is "" for what has no colour. */
export function coloured(program) {
  const lines = [[]];
  for (const { 0: text, groups } of program.matchAll(TOKEN)) {
    const kind = groups.comment !== undefined ? "comment"
      : groups.string !== undefined ? "string"
      : groups.number !== undefined ? "number"
      : WORDS.has(text) ? "word" : "";
    text.split("\n").forEach((part, i) => {
      if (i > 0) lines.push([]);
      if (part) lines[lines.length - 1].push([kind, part]);
    });
  }
  return lines;
}
