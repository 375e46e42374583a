// An archive on its way to the model store, in pieces, with its progress.

import { manage, path } from "./api.js";

export async function upload(file, pieceBytes, replace, onProgress) {
  const url = path("console", "archives", file.name);
  if (replace) url.searchParams.set("replace", "true");
  let result = { ok: false, status: 400, text: `${file.name} is empty.` };
  for (let start = 0; start < file.size; start += pieceBytes) {
    const end = Math.min(file.size, start + pieceBytes);
    result = await manage("PUT", url, file.slice(start, end), { "content-range": `bytes ${start}-${end - 1}/${file.size}` });
    if (!result.ok) break;
    onProgress(end / file.size);
  }
  return result;
}
