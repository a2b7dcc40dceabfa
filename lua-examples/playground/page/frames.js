// The answer to a run, as frames.lua writes it: `name length`, a newline, so many bytes, a newline.

const utf8 = new TextDecoder();

/** Gives { name, bytes } for each frame, as soon as all of it is there. */
export async function* frames(body) {
  const reader = body.getReader();
  let rest = new Uint8Array(0);
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const bytes = new Uint8Array(rest.length + value.length);
    bytes.set(rest);
    bytes.set(value, rest.length);
    let at = 0;
    for (;;) {
      const eol = bytes.indexOf(10, at);
      if (eol < 0) break;
      const [name, length] = utf8.decode(bytes.subarray(at, eol)).split(" ");
      const end = eol + 1 + Number(length);
      if (bytes.length <= end) break;
      yield { name, bytes: bytes.subarray(eol + 1, end) };
      at = end + 1;
    }
    rest = bytes.slice(at);
  }
}

/** Lines of `name value`, as an object. */
export function fields(text) {
  return Object.fromEntries(text.split("\n").filter(Boolean).map((line) => {
    const space = line.indexOf(" ");
    return [line.slice(0, space), line.slice(space + 1)];
  }));
}
