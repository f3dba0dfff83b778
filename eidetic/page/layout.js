// Rows of tiles that fill the width, in the order of the hits.
//
// A row is final once it is full: more hits never move one that is shown. So a last row that is not
// full is left out until it is, or until no more hits come.

export const GAP = 6;
export const LINE_HEIGHT = 64;

// A panorama or a strip would leave a row of nothing else; their tiles show the middle.
const MIN_RATIO = 0.45;
const MAX_RATIO = 3.2;

/** Height that rows are aimed at, pixels, for a width of the grid. */
export function rowHeight(width) {
  if (width < 520) return 130;
  return width < 1100 ? 180 : 220;
}

/**
 * Return the rows of some hits: {top, height, first, tiles: [{start, width}]}, or {top, height, line}
 * for the line between likely and weak hits.
 *
 * @param {object[]} hits with width, height in pixels.
 * @param {number} width of the grid, pixels.
 * @param {boolean} isComplete whether no more hits come.
 * @param {number | null} lineAt index of the first hit below the line, null without a line.
 */
export function layOut(hits, width, isComplete, lineAt) {
  const aim = rowHeight(width);
  const rows = [];
  let top = 0;
  let first = 0;
  let ratios = [];
  let sum = 0;

  const close = (isFull) => {
    if (!ratios.length) return;
    const room = width - GAP * (ratios.length - 1);
    const height = isFull ? room / sum : Math.min(aim, room / sum);
    let start = 0;
    const tiles = ratios.map((ratio) => {
      const tile = { start, width: ratio * height };
      start += tile.width + GAP;
      return tile;
    });
    rows.push({ top, height, first, tiles });
    top += height + GAP;
    first += ratios.length;
    ratios = [];
    sum = 0;
  };

  hits.forEach((hit, index) => {
    if (index === lineAt) {
      close(false);
      rows.push({ top, height: LINE_HEIGHT, first: index, tiles: [], line: true });
      top += LINE_HEIGHT + GAP;
    }
    const ratio = Math.min(MAX_RATIO, Math.max(MIN_RATIO, hit.width / hit.height || 1));
    ratios.push(ratio);
    sum += ratio;
    if (sum * aim + GAP * (ratios.length - 1) >= width) close(true);
  });
  if (isComplete) close(false);
  return rows;
}

/** Return the range [from, to) of the rows that lie between two heights, pixels from the top. */
export function rowsBetween(rows, above, below) {
  const from = firstWhere(rows, (row) => row.top + row.height >= above);
  const to = firstWhere(rows, (row) => row.top > below);
  return [from, Math.max(from, to)];
}

/** Return the index of the row that a hit is in, -1 if it is not laid out yet. */
export function rowOf(rows, hit) {
  const after = firstWhere(rows, (row) => row.first > hit);
  for (let index = after - 1; index >= 0; index -= 1) {
    const row = rows[index];
    if (!row.line) return hit < row.first + row.tiles.length ? index : -1;
  }
  return -1;
}

/** Height of all rows together, pixels. */
export function heightOf(rows) {
  const last = rows.at(-1);
  return last ? last.top + last.height : 0;
}

/** Return the hit that is reached from another by an arrow key: up (-1) or down (1). */
export function hitBeside(rows, hit, step) {
  const row = rowOf(rows, hit);
  if (row < 0) return hit;
  let next = row + step;
  while (rows[next]?.line) next += step;
  if (!rows[next]) return hit;
  const tile = rows[row].tiles[hit - rows[row].first];
  const middle = tile.start + tile.width / 2;
  const index = rows[next].tiles.findIndex((each) => each.start + each.width >= middle);
  return rows[next].first + (index < 0 ? rows[next].tiles.length - 1 : index);
}

function firstWhere(rows, holds) {
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (holds(rows[middle])) high = middle;
    else low = middle + 1;
  }
  return low;
}
