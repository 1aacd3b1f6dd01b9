"""The looks of the demo's page: Discord's colours, dark and light, from a wide screen down to a phone."""

CSS = """
:root{--back:#313338;--side:#2b2d31;--deep:#1e1f22;--text:#dbdee1;--bright:#f2f3f5;--dim:#949ba4;--line:#26272b;
--embed:#2b2d31;--link:#00a8fc;--pill:#3c4270;--pilltext:#c9cdfb;--code:#1e1f22;--hover:#35373c;--warm:#444037;
--warmbar:#f0b232;color-scheme:dark}
@media (prefers-color-scheme:light){:root{--back:#fff;--side:#f2f3f5;--deep:#e3e5e8;--text:#313338;--bright:#060607;
--dim:#5c5e66;--line:#e1e2e4;--embed:#f2f3f5;--link:#006ce7;--pill:#e6e8fd;--pilltext:#4752c4;--code:#ebedef;
--hover:#e6e7ea;--warm:#fcf3e0;--warmbar:#b97f0d;color-scheme:light}}
*{box-sizing:border-box;scrollbar-width:thin;scrollbar-color:var(--deep) transparent}
html,body{margin:0;height:100%}
body{font:15px/1.4 "gg sans","Noto Sans","Helvetica Neue",Helvetica,Arial,sans-serif;color:var(--text);
background:var(--back);display:grid;grid-template-columns:240px minmax(0,1fr) 360px;
grid-template-rows:auto minmax(0,1fr);height:100dvh}
a{color:var(--link);text-decoration:none}a:hover{text-decoration:underline}
nav{grid-row:1/3;background:var(--side);display:flex;flex-direction:column;min-height:0;overflow-y:auto}
nav h1{font-size:16px;color:var(--bright);margin:0;padding:13px 16px;border-bottom:1px solid var(--deep)}
nav h2{font-size:12px;font-weight:600;text-transform:uppercase;letter-spacing:.02em;color:var(--dim);
margin:16px 16px 4px}
nav ul{list-style:none;margin:0;padding:0 8px}
nav li a{display:flex;align-items:center;gap:6px;padding:6px 8px;border-radius:4px;color:var(--dim);margin-top:1px}
nav li a:hover{background:var(--hover);color:var(--text);text-decoration:none}
nav li a.here{background:var(--hover);color:var(--bright)}
nav li .hash{font-size:18px;line-height:1;opacity:.7;width:16px;text-align:center}
nav li .count{margin-left:auto;font-size:12px;font-weight:600;color:var(--dim);font-variant-numeric:tabular-nums}
nav dl{margin:16px 8px 12px;padding:10px 12px;background:var(--deep);border-radius:8px;display:grid;
grid-template-columns:1fr auto;gap:3px 10px;font-size:13px;margin-top:auto}
nav dt{color:var(--dim)}nav dd{margin:0;color:var(--bright);font-variant-numeric:tabular-nums;text-align:right}
header{display:flex;align-items:baseline;gap:10px;padding:12px 16px;border-bottom:1px solid var(--line);
min-width:0}
header strong{color:var(--bright);white-space:nowrap}
header span{color:var(--dim);font-size:13px;white-space:nowrap;overflow:hidden;text-overflow:ellipsis}
header .pause{margin-left:auto;font-size:13px;white-space:nowrap}
main{display:flex;flex-direction:column-reverse;overflow-y:auto;min-height:0;padding:0 0 20px}
.stream{padding-top:8px}
.day{display:flex;align-items:center;gap:8px;margin:20px 16px 6px;color:var(--dim);font-size:12px;font-weight:600}
.day::before,.day::after{content:"";flex:1;height:1px;background:var(--line)}
article{display:grid;grid-template-columns:40px minmax(0,1fr);gap:0 16px;padding:3px 16px 3px;margin-top:14px}
article.more{margin-top:0}
article.pinged{background:var(--warm);box-shadow:inset 2px 0 var(--warmbar)}
article:hover{background:var(--hover)}
article.pinged:hover{background:var(--warm)}
.avatar{width:40px;height:40px;border-radius:50%;overflow:hidden;display:block}
.gutter{font-size:11px;color:var(--dim);text-align:right;padding-top:4px;font-variant-numeric:tabular-nums}
.who{display:flex;flex-wrap:wrap;align-items:baseline;gap:0 6px;line-height:22px}
.who b{color:var(--bright);font-weight:600}
.tag{background:#5865f2;color:#fff;font-size:10px;font-weight:600;border-radius:3px;padding:1px 5px;line-height:14px;
align-self:center;letter-spacing:.02em}
.who time,.who .in,.note{color:var(--dim);font-size:12px}
.who .in a{color:var(--dim)}
.text{white-space:normal;overflow-wrap:anywhere}
.embed{position:relative;display:grid;grid-template-columns:minmax(0,1fr) auto;max-width:520px;margin:5px 0 2px;
padding:8px 16px 14px 16px;background:var(--embed);border:1px solid var(--line);border-left:4px solid var(--deep);
border-radius:4px;overflow-wrap:anywhere;font-size:14px;line-height:1.35}
.embed>div{min-width:0}
.author{display:flex;align-items:center;gap:8px;margin-top:8px;font-weight:600;font-size:14px;color:var(--bright)}
.author a{color:var(--bright)}
.author svg{width:24px;height:24px;border-radius:50%;flex:none}
.title{margin-top:8px;font-weight:600;font-size:16px;color:var(--bright)}
.title a{color:var(--link)}
.about{margin-top:8px}
.fields{display:grid;grid-template-columns:repeat(12,minmax(0,1fr));gap:8px;margin-top:8px}
.field{grid-column:span 12}.of2{grid-column:span 6}.of3{grid-column:span 4}
.field b{display:block;color:var(--bright);font-weight:600;margin-bottom:2px}
.thumb{grid-column:2;grid-row:1;margin:8px 0 0 16px}
.thumb svg{width:80px;height:80px;border-radius:4px;display:block}
.image{grid-column:1/3;margin-top:14px}.image svg{width:100%;max-width:400px;border-radius:4px;display:block}
.foot{grid-column:1/3;margin-top:8px;font-size:12px;color:var(--dim)}
.pill{background:var(--pill);color:var(--pilltext);border-radius:3px;padding:0 2px;font-weight:500}
.emoji{background:none;color:inherit}
.moji{width:1.25em;height:1.25em;vertical-align:-.25em}
code{background:var(--code);border-radius:4px;padding:.1em .3em;font:.85em/1.2 ui-monospace,Consolas,monospace}
pre{background:var(--code);border:1px solid var(--line);border-radius:4px;padding:8px;margin:6px 0;overflow-x:auto}
pre code{padding:0;background:none}
.md-h1{font-size:22px;font-weight:700;margin:8px 0 4px;color:var(--bright)}
.md-h2{font-size:18px;font-weight:700;margin:8px 0 4px;color:var(--bright)}
.md-h3{font-weight:700;margin:8px 0 4px;color:var(--bright)}
.md-sub{font-size:12px;color:var(--dim)}
.md-item{padding-left:20px;position:relative}.md-item::before{content:"\\2022";position:absolute;left:7px}
.md-quote{border-left:4px solid var(--dim);padding-left:12px;border-radius:2px}
.spoiler{background:var(--deep);border-radius:4px;cursor:pointer}
.spoiler>span{opacity:0}.spoiler:hover>span,.spoiler:focus>span{opacity:1}
.text time,.about time,.field time{background:var(--code);border-radius:3px;padding:0 2px}
.empty{margin:auto;text-align:center;color:var(--dim);padding:40px 16px}
aside{grid-column:3;grid-row:1/3;border-left:1px solid var(--deep);background:var(--side);display:flex;
flex-direction:column;min-height:0}
aside h2{font-size:13px;margin:0;padding:14px 14px 12px;color:var(--bright);border-bottom:1px solid var(--deep)}
.log{display:flex;flex-direction:column-reverse;overflow-y:auto;min-height:0;flex:1;
font:12px/1.45 ui-monospace,SFMono-Regular,Consolas,"Liberation Mono",monospace}
.log ol{list-style:none;margin:0;padding:8px 0}
.log li{padding:1px 14px;overflow-wrap:anywhere;white-space:pre-wrap}
.log li.bad{color:#f0b232}.log li.worse{color:#f87171}
@media (prefers-color-scheme:light){.log li.bad{color:#8a5a00}.log li.worse{color:#b91c1c}}
@media (max-width:1080px){body{grid-template-columns:200px minmax(0,1fr);grid-template-rows:auto minmax(0,1fr) 30vh}
nav{grid-row:1/4}aside{grid-column:2;grid-row:3;border-left:0;border-top:1px solid var(--deep)}}
@media (max-width:640px){body{grid-template-columns:minmax(0,1fr);grid-template-rows:auto auto minmax(0,1fr) 24dvh}
nav{grid-row:1;overflow:visible;border-bottom:1px solid var(--deep)}
nav h1{padding:8px 12px 6px;border:0}nav h2{display:none}
nav ul{display:flex;overflow-x:auto;padding:0 8px 8px;gap:4px;scrollbar-width:none}
nav li a{white-space:nowrap;background:var(--deep);padding:4px 8px}
nav li .hash{width:auto}nav dl{display:none}
header{grid-row:2;padding:6px 12px}header span{display:none}
main{grid-row:3}article{grid-template-columns:32px minmax(0,1fr);gap:0 10px;padding:3px 12px}
.avatar{width:32px;height:32px}.gutter{font-size:10px}.embed{padding:4px 12px 10px}.thumb svg{width:56px;height:56px}
.of3{grid-column:span 6}
aside{grid-column:1;grid-row:4;border-left:0;border-top:1px solid var(--deep)}aside h2{padding:6px 12px}
.log li{padding:1px 12px;font-size:11px}}
"""
