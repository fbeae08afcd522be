// Three figures are enough: the rule of words.amount in app/words.py.
export function amount(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (size >= 1000) return Math.round(value).toLocaleString("en-GB");
  if (size >= 100) return value.toFixed(0);
  const places = size >= 10 ? 1 : size >= 1 ? 2 : 3;
  const said = value.toFixed(places).replace(/\.?0+$/, "");
  return said === "-0" || said === "" ? "0" : said;
}
