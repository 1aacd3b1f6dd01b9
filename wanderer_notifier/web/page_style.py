"""The looks of the status page: dark and light, from a wide screen to a phone; fits into one policy hash."""

CSS = """
:root{--back:#10141a;--card:#181e27;--line:#2a3340;--text:#d7dee8;--dim:#8b98a9;--bright:#fff;--link:#6cb6ff;
--good:#3fb950;--goodback:#12301b;--fair:#e3b341;--fairback:#33290d;--bad:#ff7b72;--badback:#3c1618;--off:#8b98a9;
--offback:#232b36;color-scheme:dark}
@media (prefers-color-scheme:light){:root{--back:#f3f5f8;--card:#fff;--line:#d8dee6;--text:#28323e;--dim:#5b6878;
--bright:#0b1118;--link:#0a58ca;--good:#116329;--goodback:#dcf5e2;--fair:#7a5200;--fairback:#fff1cc;--bad:#b3261e;
--badback:#ffe0dd;--off:#5b6878;--offback:#e8ecf1;color-scheme:light}}
*{box-sizing:border-box}
body{margin:0;background:var(--back);color:var(--text);
font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","Helvetica Neue",Arial,sans-serif}
a{color:var(--link);text-decoration:none}a:hover{text-decoration:underline}
.wrap{max-width:1180px;margin:0 auto;padding:16px}
header{display:flex;flex-wrap:wrap;align-items:baseline;gap:4px 20px;margin-bottom:14px}
h1{font-size:17px;margin:0;color:var(--bright);font-weight:600}
header p{margin:0;color:var(--dim);font-size:13px;font-variant-numeric:tabular-nums}
header b{color:var(--text);font-weight:600}
.verdict{border:1px solid;border-radius:10px;padding:14px 18px;margin-bottom:16px}
.verdict h2{margin:0;font-size:22px;line-height:1.25}
.verdict ul{margin:8px 0 0;padding:0;list-style:none}
.verdict li,.verdict p{margin:4px 0 0;overflow-wrap:anywhere;color:var(--text)}
.verdict.good{background:var(--goodback);border-color:var(--good);color:var(--good)}
.verdict.fair{background:var(--fairback);border-color:var(--fair);color:var(--fair)}
.verdict.bad{background:var(--badback);border-color:var(--bad);color:var(--bad)}
.grid{display:grid;grid-template-columns:repeat(auto-fill,minmax(320px,1fr));gap:14px;margin-bottom:14px}
section{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:13px 16px;min-width:0}
section.wide{margin-bottom:14px}
h3{font-size:12px;text-transform:uppercase;letter-spacing:.06em;color:var(--dim);margin:0 0 8px;font-weight:600}
h3 i{font-style:normal;font-weight:400;opacity:.75;float:right}
dl{margin:0}
dl div{display:flex;justify-content:space-between;gap:12px;padding:3px 0}
dt{color:var(--dim);flex:1 1 auto;min-width:0;overflow-wrap:anywhere}
dd{margin:0;text-align:right;color:var(--bright);font-variant-numeric:tabular-nums;overflow-wrap:anywhere;flex:none;max-width:62%}
dd small{display:block;color:var(--dim);font-size:12px}
.pill{display:inline-block;border-radius:999px;padding:0 9px;font-size:13px;font-weight:600;white-space:nowrap}
.pill.good{background:var(--goodback);color:var(--good)}
.pill.fair{background:var(--fairback);color:var(--fair)}
.pill.bad{background:var(--badback);color:var(--bad)}
.pill.off{background:var(--offback);color:var(--off)}
table{border-collapse:collapse;width:100%;font-size:14px}
th{text-align:left;color:var(--dim);font-weight:600;font-size:12px;padding:2px 14px 4px 0}
td{padding:5px 14px 5px 0;border-top:1px solid var(--line);vertical-align:top;overflow-wrap:anywhere}
td:last-child,th:last-child{padding-right:0}
td.when{color:var(--dim);white-space:nowrap;width:1%;font-variant-numeric:tabular-nums}
td.pills{width:1%;white-space:nowrap}
td .pill{max-width:min(22em,55vw);overflow:hidden;text-overflow:ellipsis;vertical-align:bottom}
td.number{text-align:right;color:var(--bright);font-variant-numeric:tabular-nums}th.number{text-align:right}
.none{color:var(--dim);margin:0}
footer{color:var(--dim);font-size:13px;padding:4px 2px 16px}
@media (max-width:640px){.wrap{padding:10px}.verdict h2{font-size:19px}.grid{grid-template-columns:minmax(0,1fr)}
.rows thead{display:none}.rows tr{display:grid;grid-template-columns:auto minmax(0,1fr);gap:0 10px;
border-top:1px solid var(--line);padding:7px 0}.rows tr:first-child{border-top:0}
.rows td{border:0;padding:1px 0}.rows td.long{grid-column:1/3}}
"""
