/** The report's style sheet: light or dark as the reader's system is set; prints on white. */
export const STYLE = `
:root{color-scheme:light dark;--paper:#fbfbf9;--card:#fff;--ink:#1c2126;--soft:#5d6870;--edge:#dfe3e6;--grid:#e8ebed;--accent:#0b6e75;--accent-soft:#e3f1f1;
--c0:#0b6e75;--c1:#c2571a;--c2:#6a4bbc;--c3:#b3266b;--c4:#4b7d12;--c5:#1f6fd0;--c6:#8a6d00;--c7:#7a4a3a}
@media (prefers-color-scheme:dark){:root{--paper:#14181b;--card:#1b2125;--ink:#e6eaec;--soft:#9aa7af;--edge:#2d363c;--grid:#273036;--accent:#5cc6cc;--accent-soft:#1a3336;
--c0:#5cc6cc;--c1:#f0945a;--c2:#b49cf2;--c3:#f07db0;--c4:#9ccb5a;--c5:#7ab3f5;--c6:#e0c050;--c7:#d0a090}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",sans-serif}
main{max-width:1180px;margin:0 auto;padding:36px 28px 60px}
header{border-bottom:1px solid var(--edge);padding-bottom:22px;margin-bottom:8px}
.eyebrow{color:var(--accent);font-weight:600;font-size:13px;letter-spacing:.02em;margin:0}
h1{font-size:30px;line-height:1.2;margin:4px 0 6px;overflow-wrap:anywhere}
h2{font-size:19px;margin:40px 0 6px}
p{margin:6px 0}.lead,.note{color:var(--soft)}.note{font-size:13.5px;max-width:85ch}
.scores{display:flex;flex-wrap:wrap;gap:12px;margin:20px 0 0;padding:0;list-style:none}
.scores li{background:var(--card);border:1px solid var(--edge);border-radius:10px;padding:12px 18px;min-width:138px}
.scores b{display:block;font-size:26px;line-height:1.2;font-variant-numeric:tabular-nums}
.scores li.main{background:var(--accent-soft);border-color:transparent}.scores li.main b{color:var(--accent)}
.scores span{color:var(--soft);font-size:13px}
.table{overflow-x:auto;border:1px solid var(--edge);border-radius:10px;background:var(--card);margin-top:12px}
table{border-collapse:collapse;width:100%;font-size:14px}
th,td{padding:8px 14px;text-align:left;border-bottom:1px solid var(--edge);white-space:nowrap}
td.text{white-space:normal;overflow-wrap:anywhere;min-width:140px}
th{font-weight:600;color:var(--soft);font-size:13px}tr:last-child td{border-bottom:0}
.n{text-align:right;font-variant-numeric:tabular-nums}
tr.chosen td{background:var(--accent-soft);font-weight:600}tfoot td{font-weight:600;border-top:2px solid var(--edge)}
.badge{display:inline-block;border-radius:20px;padding:0 9px;font-size:12.5px;font-weight:600;background:var(--accent-soft);color:var(--accent)}
.badge.off{background:var(--grid);color:var(--soft)}
.grid2{display:grid;grid-template-columns:repeat(auto-fit,minmax(400px,1fr));gap:16px;margin-top:12px}
.grid3{display:grid;grid-template-columns:repeat(auto-fit,minmax(260px,1fr));gap:16px;margin-top:12px}
figure{margin:0;background:var(--card);border:1px solid var(--edge);border-radius:10px;padding:14px;overflow:hidden}
figcaption{font-weight:600;margin-bottom:8px;overflow-wrap:anywhere}figcaption small{font-weight:400;color:var(--soft);font-size:13px;display:block}
.drawing{margin-top:12px}
.overlay img{width:100%;height:320px;object-fit:contain;background:#000;border-radius:6px;image-rendering:pixelated}
svg{display:block;width:100%;height:auto}
svg text{fill:var(--soft);font:12px system-ui,sans-serif;font-variant-numeric:tabular-nums}
.gridline,.grid{stroke:var(--grid)}.axis,.tickmark{stroke:var(--soft)}
.line{fill:none;stroke-width:1.8;stroke-linejoin:round}
${[0, 1, 2, 3, 4, 5, 6, 7].map((c) => `.line.c${c}{stroke:var(--c${c})}.dot.c${c}{fill:var(--c${c})}.swatch.c${c}{background:var(--c${c})}`).join('')}
.legend{display:flex;flex-wrap:wrap;gap:4px 16px;list-style:none;margin:8px 0 0;padding:0;font-size:13px;color:var(--soft)}
.swatch{display:inline-block;width:14px;height:4px;border-radius:2px;margin-right:6px;vertical-align:middle}
.truth{background:rgb(64,220,120)}.prediction{background:rgb(255,140,40)}
.none{color:var(--soft)}
footer{margin-top:44px;padding-top:16px;border-top:1px solid var(--edge);color:var(--soft);font-size:13px}
code{font:13px ui-monospace,SFMono-Regular,Menlo,monospace;overflow-wrap:anywhere}
@media print{:root{--paper:#fff;--card:#fff}main{max-width:none;padding:0}figure,tr{break-inside:avoid}}
`;
