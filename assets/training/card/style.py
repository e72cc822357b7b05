"""The style of the page: light, the colours of the plots, readable at 1200 px and on paper."""

STYLE = """
:root { --ink: #333333; --soft: #595959; --line: #e0e0e0; --blue: #0072b2; --wash: #f4f8fb; }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body {
  margin: 0; background: #ffffff; color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
}
.page { max-width: 1080px; margin: 0 auto; padding: 40px 32px 64px; }
header { display: flex; gap: 24px; align-items: flex-start; justify-content: space-between; }
h1 { font-size: 30px; line-height: 1.2; margin: 0 0 4px; }
h2 { font-size: 22px; margin: 48px 0 12px; padding-top: 14px; border-top: 2px solid var(--ink); }
h3 { font-size: 17px; margin: 32px 0 8px; }
p, li { max-width: 78ch; }
p { margin: 8px 0; }
p.strong { font-weight: 600; margin-top: 16px; }
p.sub { color: var(--soft); margin: 0; }
ul { margin: 8px 0; padding-left: 22px; }
li { margin: 5px 0; }
.badge {
  display: inline-block; padding: 1px 9px; border-radius: 10px; border: 1px solid; font-size: 14px;
  font-weight: 600; white-space: nowrap; background: #ffffff;
}
.badge.good { color: #00664a; border-color: #009e73; background: #eef8f4; }
.badge.bad { color: #9c3a00; border-color: #d55e00; background: #fdf1ea; }
.badge.unknown { color: #6b4a00; border-color: #e69f00; background: #fdf6e7; }
.badge.plain { color: var(--ink); border-color: #999999; }
header .badge { font-size: 17px; padding: 5px 16px; border-radius: 18px; margin-top: 4px; }
.summary {
  border: 1px solid #c9dbe7; border-left: 6px solid var(--blue); background: var(--wash);
  margin: 24px 0 0; padding: 6px 26px 20px;
}
.summary h2 { font-size: 17px; margin: 18px 0 2px; padding: 0; border: 0; }
.summary .answers { display: grid; grid-template-columns: 1fr 1fr; gap: 0 36px; }
.chips { display: grid; grid-template-columns: 1fr 1fr; gap: 0 36px; list-style: none;
  padding: 0; margin: 6px 0 0; }
.chips li { display: flex; justify-content: space-between; align-items: center;
  gap: 12px; max-width: none;
  padding: 4px 0; margin: 0; border-bottom: 1px solid #dbe7ef; }
pre {
  background: #f2f2f2; border: 1px solid var(--line); padding: 9px 14px; margin: 10px 0;
  font: 14px/1.45 ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace;
  white-space: pre-wrap; overflow-wrap: anywhere;
}
code { font: 13px/1.4 ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace;
  overflow-wrap: anywhere; }
nav { margin: 20px 0 0; font-size: 15px; }
nav a { color: var(--blue); margin-right: 16px; white-space: nowrap; }
table { border-collapse: collapse; width: 100%; margin: 12px 0 16px; font-size: 15px; }
caption { text-align: left; font-weight: 600; padding: 6px 0; }
th, td { text-align: left; vertical-align: top; padding: 6px 14px 6px 0;
  border-bottom: 1px solid var(--line); overflow-wrap: break-word; }
thead th { border-bottom: 1.5px solid var(--ink); font-weight: 600; vertical-align: bottom; }
tbody th { font-weight: 600; }
.number { text-align: right; font-variant-numeric: tabular-nums; }
td.number:last-child, th.number:last-child { padding-right: 2px; }
table.narrow { width: auto; min-width: 640px; }
table.narrow td.number, table.narrow th.number { padding-left: 22px; }
table.pairs tbody th { width: 290px; font-weight: 400; color: var(--soft); }
figure { margin: 14px 0 18px; display: grid; gap: 8px 30px;
  grid-template-columns: minmax(0, 640px) minmax(220px, 1fr); align-items: center; }
figure svg { max-width: 100%; height: auto; font: 13px system-ui, -apple-system, "Segoe UI",
  Roboto, "Helvetica Neue", Arial, sans-serif; }
figcaption { color: var(--soft); font-size: 15px; max-width: 78ch; }
.wide { overflow-x: auto; }
footer { margin-top: 40px; color: var(--soft); font-size: 14px; }
@media (max-width: 760px) {
  .page { padding: 20px 16px; }
  header { display: block; }
  figure { display: block; }
  table.narrow { min-width: 0; width: 100%; }
  .summary .answers, .chips { grid-template-columns: 1fr; }
  table.narrow { width: auto; min-width: 640px; }
table.narrow td.number, table.narrow th.number { padding-left: 22px; }
table.pairs tbody th { width: 40%; }
}
@media print {
  body { font-size: 11pt; }
  .page { max-width: none; padding: 0; }
  nav { display: none; }
  h2, h3 { break-after: avoid; }
  figure { display: block; }
  figure, tr, .summary { break-inside: avoid; }
  thead { display: table-header-group; }
  * { -webkit-print-color-adjust: exact; print-color-adjust: exact; }
}
@page { margin: 18mm 16mm; }
"""
